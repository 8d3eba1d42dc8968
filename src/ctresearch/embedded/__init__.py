"""The embedded renderer: for where Quarto is not installed, and the check before it where it is.

`source` reads a report's folder, `tree` makes one numbered book of it, and `html`, `word` and `pdf`
each write that book in one format.
"""
