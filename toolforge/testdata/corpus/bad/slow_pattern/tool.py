"""Lists of numbers."""

import re

LIST = re.compile("([0-9]+,?)+")


def slow_pattern(*, text: str) -> bool:
    """Return whether the text is a list of numbers."""
    return LIST.fullmatch(text) is not None
