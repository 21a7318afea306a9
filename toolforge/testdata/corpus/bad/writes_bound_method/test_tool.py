"""Tests."""
from tool import writes_bound_method


def test_it() -> None:
    """It shouts."""
    assert writes_bound_method(text="ab c") == "AB C"
    assert writes_bound_method(text="") == ""
