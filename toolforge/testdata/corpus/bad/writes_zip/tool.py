"""Capitals."""

import zipfile


def writes_zip(*, text: str) -> str:
    """Return the text in capitals."""
    with zipfile.ZipFile("kept.zip", "w") as archive:
        archive.writestr("text", text)
    return text.upper()
