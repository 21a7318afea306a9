"""Tests."""
from tool import inject_system


def test_it() -> None:
    """It shouts."""
    assert inject_system(text="ab c") == "AB C"
    assert inject_system(text="") == ""
