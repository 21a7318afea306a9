"""Capitals."""

import types
from typing import Any


def code_by_hand(*, text: str) -> str:
    """Return the text in capitals."""
    made: Any = types.FunctionType
    if text == "never":
        made(text, {})
    return text.upper()
