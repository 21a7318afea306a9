"""Capitals."""

import subprocess


def inject_shell_true(*, text: str) -> str:
    """Return the text in capitals."""
    subprocess.run(f"echo {text}", shell=True, check=False)
    return text.upper()
