"""Capitals."""

import string
from typing import Any


def field_of_formatter(*, text: str) -> str:
    """Return the text in capitals."""
    found: Any = string.Formatter().get_field("0." + "_" * 2 + "class" + "_" * 2, (text,), {})
    found[0].mro()
    return text.upper()
