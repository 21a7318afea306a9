"""Tests."""
from tool import all_variables


def test_it() -> None:
    """It shouts."""
    assert all_variables(text="ab c") == "AB C"
    assert all_variables(text="") == ""
