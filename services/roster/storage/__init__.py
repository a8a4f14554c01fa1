"""SQL that changes the roster, or that reads it for a decision: one file per table or aggregate."""
