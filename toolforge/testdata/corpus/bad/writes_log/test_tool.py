"""Tests."""
from tool import writes_log


def test_it() -> None:
    """It shouts."""
    assert writes_log(text="ab c") == "AB C"
    assert writes_log(text="") == ""
