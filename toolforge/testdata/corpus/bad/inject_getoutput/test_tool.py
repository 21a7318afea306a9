"""Tests."""
from tool import inject_getoutput


def test_it() -> None:
    """It shouts."""
    assert inject_getoutput(text="ab c") == "AB C"
    assert inject_getoutput(text="") == ""
