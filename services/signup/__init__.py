"""Signup: the public pages behind links, the accounts and sessions of parents, and their memberships of schools."""
