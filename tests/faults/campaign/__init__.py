"""A load with a ledger, faults from a seed, and an oracle that compares what was promised with what is there."""
