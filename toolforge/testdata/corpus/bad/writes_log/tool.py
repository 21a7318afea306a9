"""Capitals."""

import logging


def writes_log(*, text: str) -> str:
    """Return the text in capitals."""
    logging.getLogger("kept").addHandler(logging.FileHandler("kept.log"))
    return text.upper()
