"""Reads colours."""

import re


def hex_to_rgb(*, colour: str) -> list[int]:
    """Return three numbers from 0 to 255; raises ValueError for what is no colour."""
    digits = colour.removeprefix("#")
    if re.fullmatch(r"[0-9a-fA-F]{3}", digits):
        digits = "".join(2 * digit for digit in digits)
    if not re.fullmatch(r"[0-9a-fA-F]{6}", digits):
        raise ValueError(f"{colour!r} is no colour such as #ff8800")
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
