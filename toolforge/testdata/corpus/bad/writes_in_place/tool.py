"""Capitals."""

import fileinput


def writes_in_place(*, text: str) -> str:
    """Return the text in capitals."""
    with fileinput.input("kept", inplace=True) as lines:
        for line in lines:
            print(line.upper(), end="")
    return text.upper()
