"""Rules of the dashboard in plain Python: no I/O, no clock, no framework."""
