"""Tests."""
from tool import sh_eval


def test_it() -> None:
    """It shouts."""
    assert sh_eval(text="ab c") == "AB C"
    assert sh_eval(text="") == ""
