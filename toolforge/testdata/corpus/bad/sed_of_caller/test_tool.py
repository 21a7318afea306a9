"""Tests."""
from tool import sed_of_caller


def test_it() -> None:
    """It shouts."""
    assert sed_of_caller(text="ab c") == "AB C"
    assert sed_of_caller(text="") == ""
