"""Capitals."""

from typing import Any


def writes_hidden_mode(*, text: str) -> str:
    """Return the text in capitals."""
    how: dict[str, Any] = {"mode": "w"}
    with open("kept", **how) as file:
        file.write(text)
    return text.upper()
