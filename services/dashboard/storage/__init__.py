"""Storage of the dashboard: the schema as metadata, and one file per table with the statements that write it."""
