"""Reading a spreadsheet in a process of its own: `python -m services.roster.service.spreadsheet`.

It gets the file's path and a JSON object on the command line, and writes JSON lines: first
`{"ignored": [...], "number": "its column's title"}`, then
`{"rows": [...], "numbers": [...], "name_keys": [...], "errors": [...]}` as often as needed, each followed by a line
with the array of the rows' entries, then `{"end": true}`. A file that is no list of students gives
`{"refused": {...}}` instead. Nothing else is written, and nothing of the file goes to the log.
"""
