"""Tests."""
from tool import hard_coded_key


def test_it() -> None:
    """It shouts."""
    assert hard_coded_key(text="ab c") == "AB C"
    assert hard_coded_key(text="") == ""
