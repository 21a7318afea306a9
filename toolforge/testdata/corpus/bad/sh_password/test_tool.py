"""Tests."""
from tool import sh_password


def test_it() -> None:
    """It shouts."""
    assert sh_password(text="ab c") == "AB C"
    assert sh_password(text="") == ""
