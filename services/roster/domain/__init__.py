"""Rules of the roster in plain Python: no database, no clock, no broker. Ids and moments are arguments."""
