"""Tests."""
from tool import import_by_name


def test_it() -> None:
    """It shouts."""
    assert import_by_name(text="ab c") == "AB C"
    assert import_by_name(text="") == ""
