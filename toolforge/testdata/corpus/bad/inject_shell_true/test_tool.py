"""Tests."""
from tool import inject_shell_true


def test_it() -> None:
    """It shouts."""
    assert inject_shell_true(text="ab c") == "AB C"
    assert inject_shell_true(text="") == ""
