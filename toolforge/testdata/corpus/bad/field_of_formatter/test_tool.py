"""Tests."""
from tool import field_of_formatter


def test_it() -> None:
    """It shouts."""
    assert field_of_formatter(text="ab c") == "AB C"
    assert field_of_formatter(text="") == ""
