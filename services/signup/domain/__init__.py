"""Rules of links, accounts and passwords. Plain Python: time, ids and lists are arguments."""
