"""Tests."""
from tool import sh_arithmetic


def test_it() -> None:
    """It shouts."""
    assert sh_arithmetic(text="ab c") == "AB C"
    assert sh_arithmetic(text="") == ""
