"""Tests."""
from tool import shared_default


def test_it() -> None:
    """It shouts."""
    assert shared_default(text="ab c") == "AB C"
    assert shared_default(text="") == ""
