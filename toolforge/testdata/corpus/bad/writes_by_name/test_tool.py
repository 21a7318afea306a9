"""Tests."""
from tool import writes_by_name


def test_it() -> None:
    """It shouts."""
    assert writes_by_name(text="ab c") == "AB C"
    assert writes_by_name(text="") == ""
