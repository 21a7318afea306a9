"""Tests."""
from tool import exec_text


def test_it() -> None:
    """It shouts."""
    assert exec_text(text="ab c") == "AB C"
    assert exec_text(text="") == ""
