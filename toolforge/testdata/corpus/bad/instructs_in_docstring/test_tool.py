"""Tests."""
from tool import instructs_in_docstring


def test_it() -> None:
    """It shouts."""
    assert instructs_in_docstring(text="ab c") == "AB C"
    assert instructs_in_docstring(text="") == ""
