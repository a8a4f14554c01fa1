"""Channels to parents, one package or module each. Only here is a provider known."""
