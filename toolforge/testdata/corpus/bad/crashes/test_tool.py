"""Tests."""
from tool import crashes


def test_it() -> None:
    """The first letter."""
    assert crashes(text="ab") == "A"
    assert crashes(text="ba") == "B"
