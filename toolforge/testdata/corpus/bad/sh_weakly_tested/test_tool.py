"""Tests."""
from tool import sh_weakly_tested


def test_it() -> None:
    """It gives something."""
    assert sh_weakly_tested(text="ab c") is not None
