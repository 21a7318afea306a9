"""Tests."""

from tool import unordered


def test_words() -> None:
    """Each word once."""
    assert sorted(unordered(text="b a b")) == ["a", "b"]
    assert unordered(text="") == []
