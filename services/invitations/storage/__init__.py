"""Tables of the service and all of its SQL statements; functions take and return domain objects."""
