"""Tests."""
from tool import sh_untested_branch


def test_it() -> None:
    """It shouts."""
    assert sh_untested_branch(text="ab c") == "AB C"
    assert sh_untested_branch(text="") == ""
