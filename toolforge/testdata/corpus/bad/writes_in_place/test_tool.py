"""Tests."""
from tool import writes_in_place


def test_it() -> None:
    """It shouts."""
    assert writes_in_place(text="ab c") == "AB C"
    assert writes_in_place(text="") == ""
