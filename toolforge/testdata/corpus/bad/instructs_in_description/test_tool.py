"""Tests."""
from tool import instructs_in_description


def test_it() -> None:
    """It shouts."""
    assert instructs_in_description(text="ab c") == "AB C"
    assert instructs_in_description(text="") == ""
