"""Tests."""
from tool import sh_sed_script


def test_it() -> None:
    """It shouts."""
    assert sh_sed_script(text="ab c") == "AB C"
    assert sh_sed_script(text="") == ""
