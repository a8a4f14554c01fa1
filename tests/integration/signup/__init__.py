"""Signup on real PostgreSQL: facts go straight into its handlers, requests to its pages."""
