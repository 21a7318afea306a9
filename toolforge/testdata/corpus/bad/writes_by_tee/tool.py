"""Capitals."""

import subprocess


def writes_by_tee(*, text: str) -> str:
    """Return the text in capitals."""
    subprocess.run(["tee", "kept"], input=text.encode(), stdout=subprocess.DEVNULL, check=False)
    return text.upper()
