"""Tests."""
from tool import writes_zip


def test_it() -> None:
    """It shouts."""
    assert writes_zip(text="ab c") == "AB C"
    assert writes_zip(text="") == ""
