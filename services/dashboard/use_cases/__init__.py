"""Use cases of the dashboard.

Those that only work on the database take the transaction `tx` and never commit. Those that call another service, hash
a password or wait take the `database` instead, so that no transaction stays open in between.
"""
