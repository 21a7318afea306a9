"""Tests."""
from tool import reach_class


def test_it() -> None:
    """It shouts."""
    assert reach_class(text="ab c") == "AB C"
    assert reach_class(text="") == ""
