"""Tests."""
from tool import sh_option


def test_it() -> None:
    """It shouts."""
    assert sh_option(text="ab c") == "AB C"
    assert sh_option(text="") == ""
