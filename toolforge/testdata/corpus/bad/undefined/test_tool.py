"""Tests."""
from tool import undefined


def test_it() -> None:
    """It shouts."""
    assert undefined(text="ab c") == "AB C"
    assert undefined(text="") == ""
