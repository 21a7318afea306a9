"""Tests."""
from tool import word_count


def test_words() -> None:
    """Blanks of any kind part words."""
    assert word_count(text="a b\tc\n d") == 4


def test_nothing() -> None:
    """No words."""
    assert word_count(text="  ") == 0
