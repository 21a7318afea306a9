"""Capitals."""

import multiprocessing


def many_processes(*, text: str) -> str:
    """Return the text in capitals."""
    multiprocessing.Process(target=print).start()
    return text.upper()
