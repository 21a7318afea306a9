"""Tests."""
from tool import fails_its_tests


def test_it() -> None:
    """It whispers."""
    assert fails_its_tests(text="AB") == "ab"
