"""Tests."""
from tool import hard_coded_password


def test_it() -> None:
    """It shouts."""
    assert hard_coded_password(text="ab c") == "AB C"
    assert hard_coded_password(text="") == ""
