"""Signup on a real PostgreSQL: events go straight to its handlers, requests to its pages."""
