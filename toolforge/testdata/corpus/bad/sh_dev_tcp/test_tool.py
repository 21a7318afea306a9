"""Tests."""
from tool import sh_dev_tcp


def test_it() -> None:
    """It shouts."""
    assert sh_dev_tcp(text="ab c") == "AB C"
    assert sh_dev_tcp(text="") == ""
