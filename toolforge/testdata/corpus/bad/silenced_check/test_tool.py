"""Tests."""
from tool import silenced_check


def test_it() -> None:
    """It shouts."""
    assert silenced_check(text="ab c") == "AB C"
    assert silenced_check(text="") == ""
