"""Tests."""
from tool import sh_no_set_e


def test_it() -> None:
    """It shouts."""
    assert sh_no_set_e(text="ab c") == "AB C"
    assert sh_no_set_e(text="") == ""
