"""Tests."""
from tool import fork_off


def test_it() -> None:
    """It shouts."""
    assert fork_off(text="ab c") == "AB C"
    assert fork_off(text="") == ""
