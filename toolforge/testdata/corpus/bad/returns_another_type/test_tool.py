"""Tests."""
from tool import returns_another_type


def test_it() -> None:
    """Lengths."""
    assert returns_another_type(text="ab") == 2
    assert returns_another_type(text="") == 0
