"""Tests."""
from tool import logs_away


def test_it() -> None:
    """It shouts."""
    assert logs_away(text="ab c") == "AB C"
    assert logs_away(text="") == ""
