"""Capitals."""

import sqlite3


def writes_database(*, text: str) -> str:
    """Return the text in capitals."""
    sqlite3.connect("kept.db").execute("create table if not exists kept (text)")
    return text.upper()
