"""Tests."""
from tool import sh_shellcheck


def test_it() -> None:
    """It shouts."""
    assert sh_shellcheck(text="ab c") == "AB C"
    assert sh_shellcheck(text="") == ""
