"""Tests."""
from tool import bad_syntax


def test_it() -> None:
    """It shouts."""
    assert bad_syntax(text="ab c") == "AB C"
    assert bad_syntax(text="") == ""
