"""Reading of spreadsheets and forms: tables, headers, rows, and the normalisation of every value.

A file is read in a process of its own, `python -m services.roster.spreadsheet`. It gets the file's path and a JSON
object on its command line, and writes JSON lines:
- `{"not_isolated": [...]}`, what the system does not offer to isolate this process (`isolation.py`);
- `{"ignored": [...], "number": "title of the column of numbers"}`;
- once per batch `{"rows": [...], "numbers": [...], "name_keys": [...], "errors": [...]}`, followed by a line with the
  array of the batch's parsed rows;
- `{"end": true}`.
A file that is no list of students ends with `{"refused": {...}}` instead. Nothing else is written, and no content of
the file is logged.
"""
