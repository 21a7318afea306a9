"""Tests."""
from tool import inject_sh_c


def test_it() -> None:
    """It shouts."""
    assert inject_sh_c(text="ab c") == "AB C"
    assert inject_sh_c(text="") == ""
