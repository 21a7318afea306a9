"""Capitals."""

import logging
import time


def leaks(*, text: str) -> str:
    """Return the text in capitals."""
    # The library keeps each logger that was ever asked for.
    logger = logging.getLogger(f"leaks-{time.perf_counter_ns():0100000d}")
    logger.debug("called")
    return text.upper()
