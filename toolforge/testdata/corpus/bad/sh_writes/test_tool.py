"""Tests."""
from tool import sh_writes


def test_it() -> None:
    """It shouts."""
    assert sh_writes(text="ab c") == "AB C"
    assert sh_writes(text="") == ""
