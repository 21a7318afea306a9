"""Reads notes."""

import os


def traverses(*, name: str) -> str:
    """Return a note."""
    with open(os.path.join("notes", name), encoding="utf-8") as file:
        return file.read()
