"""Every SQL statement that writes, and the reads that a decision needs. Consumers' statements take whole batches."""
