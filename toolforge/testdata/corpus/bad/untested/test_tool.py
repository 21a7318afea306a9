"""Tests."""
from tool import untested


def test_it() -> None:
    """It shouts."""
    assert untested(text="ab c") == "AB C"
    assert untested(text="") == ""
