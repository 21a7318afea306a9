"""Tests."""
from tool import writes_by_tee


def test_it() -> None:
    """It shouts."""
    assert writes_by_tee(text="ab c") == "AB C"
    assert writes_by_tee(text="") == ""
