"""Tests."""
from tool import inject_alias


def test_it() -> None:
    """It shouts."""
    assert inject_alias(text="ab c") == "AB C"
    assert inject_alias(text="") == ""
