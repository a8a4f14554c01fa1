"""Read-only SQL for lists, pages and use cases."""
