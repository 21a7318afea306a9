"""Tests."""
from tool import wrong_arguments


def test_it() -> None:
    """It shouts."""
    assert wrong_arguments(text="ab c") == "AB C"
    assert wrong_arguments(text="") == ""
