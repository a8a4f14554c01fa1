"""Invitations: who was invited, how far they are, and which links are alive."""
