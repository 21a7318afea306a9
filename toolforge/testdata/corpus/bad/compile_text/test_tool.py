"""Tests."""
from tool import compile_text


def test_it() -> None:
    """It shouts."""
    assert compile_text(text="ab c") == "AB C"
    assert compile_text(text="") == ""
