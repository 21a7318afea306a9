"""Tests."""
from tool import inject_popen_text


def test_it() -> None:
    """It shouts."""
    assert inject_popen_text(text="ab c") == "AB C"
    assert inject_popen_text(text="") == ""
