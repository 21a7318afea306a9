"""Tests."""
from tool import writes_hidden_mode


def test_it() -> None:
    """It shouts."""
    assert writes_hidden_mode(text="ab c") == "AB C"
    assert writes_hidden_mode(text="") == ""
