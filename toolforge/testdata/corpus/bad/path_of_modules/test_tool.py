"""Tests."""
from tool import path_of_modules


def test_it() -> None:
    """It shouts."""
    assert path_of_modules(text="ab c") == "AB C"
    assert path_of_modules(text="") == ""
