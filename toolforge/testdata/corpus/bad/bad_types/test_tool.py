"""Tests."""
from tool import bad_types


def test_it() -> None:
    """It shouts."""
    assert bad_types(text="ab c") == "AB C"
    assert bad_types(text="") == ""
