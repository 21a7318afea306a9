"""Reads CSV."""

import csv
import io


def csv_column(*, text: str, column: str) -> list[str]:
    """Return the values of a column; raises ValueError when there is none of that name."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if column not in (reader.fieldnames or []):
        raise ValueError(f"there is no column {column!r}; there are {reader.fieldnames}")
    return [row[column] or "" for row in reader]
