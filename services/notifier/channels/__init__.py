"""Ways to a parent. Only here a provider is known."""
