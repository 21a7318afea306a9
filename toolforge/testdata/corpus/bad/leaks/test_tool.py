"""Tests."""
from tool import leaks


def test_it() -> None:
    """It shouts."""
    assert leaks(text="ab c") == "AB C"
    assert leaks(text="") == ""
