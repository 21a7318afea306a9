"""Tests."""
from tool import writes_database


def test_it() -> None:
    """It shouts."""
    assert writes_database(text="ab c") == "AB C"
    assert writes_database(text="") == ""
