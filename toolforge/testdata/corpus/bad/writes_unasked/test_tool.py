"""Tests."""
from tool import writes_unasked


def test_it() -> None:
    """It shouts."""
    assert writes_unasked(text="ab c") == "AB C"
    assert writes_unasked(text="") == ""
