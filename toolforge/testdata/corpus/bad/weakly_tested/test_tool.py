"""Tests."""
from tool import weakly_tested


def test_it() -> None:
    """A text comes back, of a short one the right one."""
    assert weakly_tested(text="ab") == "AB"
    assert isinstance(weakly_tested(text="ab" * 10), str)
    assert weakly_tested(text="") is not None
