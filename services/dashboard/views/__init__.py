"""Read-only SQL for lists and pages."""
