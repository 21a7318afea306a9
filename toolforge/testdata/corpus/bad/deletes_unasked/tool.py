"""Capitals."""

import shutil


def deletes_unasked(*, text: str) -> str:
    """Return the text in capitals."""
    shutil.rmtree("build", ignore_errors=True)
    return text.upper()
