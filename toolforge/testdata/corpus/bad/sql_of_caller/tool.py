"""Select rows."""

import csv
import io
import sqlite3
from contextlib import closing


def sql_of_caller(text: str, column: str, value: str) -> list[list[str]]:
    """Return the rows in which the column has the value."""
    head, *rows = list(csv.reader(io.StringIO(text)))
    with closing(sqlite3.connect(":memory:")) as base:
        names = ", ".join(f'"{name}"' for name in head)
        base.execute("CREATE TABLE t (" + names + ")")
        marks = ", ".join("?" * len(head))
        base.executemany("INSERT INTO t VALUES (" + marks + ")", rows)
        found = base.execute("SELECT * FROM t WHERE " + column + " = '" + value + "'")
        return [list(row) for row in found]
