"""Capitals."""

import socket


def network_socket(*, text: str) -> str:
    """Return the text in capitals."""
    socket.gethostname()
    return text.upper()
