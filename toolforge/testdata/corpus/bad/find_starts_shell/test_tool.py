"""Tests."""
from tool import find_starts_shell


def test_it() -> None:
    """It shouts."""
    assert find_starts_shell(text="ab c") == "AB C"
    assert find_starts_shell(text="") == ""
