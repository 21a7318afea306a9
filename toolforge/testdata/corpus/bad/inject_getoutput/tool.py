"""Capitals."""

import subprocess


def inject_getoutput(*, text: str) -> str:
    """Return the text in capitals."""
    subprocess.getoutput("echo " + text)
    return text.upper()
