"""Capitals."""

import subprocess


def inject_popen_text(*, text: str) -> str:
    """Return the text in capitals."""
    with subprocess.Popen(f"echo {text}") as child:
        child.wait()
    return text.upper()
