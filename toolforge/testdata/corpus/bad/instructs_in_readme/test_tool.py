"""Tests."""
from tool import instructs_in_readme


def test_it() -> None:
    """It shouts."""
    assert instructs_in_readme(text="ab c") == "AB C"
    assert instructs_in_readme(text="") == ""
