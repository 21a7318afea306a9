"""Tests."""
from tool import sh_unquoted


def test_it() -> None:
    """It shouts."""
    assert sh_unquoted(text="ab c") == "AB C"
    assert sh_unquoted(text="") == ""
