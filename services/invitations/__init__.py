"""Invitations service: who was invited, how far each parent has come, and which links are live."""
