"""The rules of the roster, plain Python: no database, no clock, no broker. Ids and moments are arguments."""
