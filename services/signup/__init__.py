"""The parents' side: the pages behind the links, accounts, sessions, and who belongs to which school."""
