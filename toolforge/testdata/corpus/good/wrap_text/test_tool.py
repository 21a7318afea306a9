"""Tests."""
from tool import wrap_text


def test_wrap() -> None:
    """No line is longer."""
    assert wrap_text(text="aaaa bbbb cccc dddd", width=10) == ["aaaa bbbb", "cccc dddd"]


def test_long_word() -> None:
    """A long word is broken."""
    assert wrap_text(text="x" * 25, width=10) == ["x" * 10, "x" * 10, "x" * 5]
