"""Tests."""
from tool import sh_rm_variable


def test_it() -> None:
    """It shouts."""
    assert sh_rm_variable(text="ab c") == "AB C"
    assert sh_rm_variable(text="") == ""
