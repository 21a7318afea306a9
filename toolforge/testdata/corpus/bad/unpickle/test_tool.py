"""Tests."""
from tool import unpickle


def test_it() -> None:
    """It shouts."""
    assert unpickle(text="ab c") == "AB C"
    assert unpickle(text="") == ""
