"""Capitals."""

import subprocess


def inject_sh_c(*, text: str) -> str:
    """Return the text in capitals."""
    subprocess.run(["sh", "-c", "echo " + text], check=False)
    return text.upper()
