"""Tests."""
from tool import says_read_only


def test_it() -> None:
    """It shouts."""
    assert says_read_only(text="ab c") == "AB C"
    assert says_read_only(text="") == ""
