"""Tests."""
from tool import deletes_unasked


def test_it() -> None:
    """It shouts."""
    assert deletes_unasked(text="ab c") == "AB C"
    assert deletes_unasked(text="") == ""
