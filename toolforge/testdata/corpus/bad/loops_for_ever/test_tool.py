"""Tests."""
from tool import loops_for_ever


def test_it() -> None:
    """It shouts."""
    assert loops_for_ever(text="ab c") == "AB C"
    assert loops_for_ever(text="") == ""
