"""Fault campaign: a load with a ledger, faults from a seed, and an oracle that compares promises with what is stored.

The words map to those of Jepsen: load = workload, ledger = history, oracle = checker, conductor = nemesis.
"""
