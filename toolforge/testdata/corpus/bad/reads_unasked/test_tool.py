"""Tests."""
from tool import reads_unasked


def test_it() -> None:
    """It shouts."""
    assert reads_unasked(text="ab c") == "AB C"
    assert reads_unasked(text="") == ""
