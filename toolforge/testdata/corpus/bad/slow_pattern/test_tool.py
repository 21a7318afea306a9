"""Tests."""

from tool import slow_pattern


def test_lists() -> None:
    """Lists, and others."""
    assert slow_pattern(text="1,22,3") is True
    assert slow_pattern(text="1;2") is False
    assert slow_pattern(text="") is False
