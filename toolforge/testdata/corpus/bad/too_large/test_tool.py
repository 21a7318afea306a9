"""Tests."""
from tool import too_large


def test_it() -> None:
    """It shouts."""
    assert too_large(text="ab c") == "AB C"
    assert too_large(text="") == ""
