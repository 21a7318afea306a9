"""Tests."""
from tool import too_slow


def test_it() -> None:
    """It shouts."""
    assert too_slow(text="ab c") == "AB C"
    assert too_slow(text="") == ""
