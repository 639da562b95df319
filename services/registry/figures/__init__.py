"""Sums and counts over all pilots (показатели): a view in DuckDB beside each replica, folded from pilots' documents.

`tables` makes the rows of one pilot, `figures` keeps them with the offsets they stand at, `questions` asks them.
"""
