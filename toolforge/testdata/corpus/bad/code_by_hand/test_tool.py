"""Tests."""
from tool import code_by_hand


def test_it() -> None:
    """It shouts."""
    assert code_by_hand(text="ab c") == "AB C"
    assert code_by_hand(text="") == ""
