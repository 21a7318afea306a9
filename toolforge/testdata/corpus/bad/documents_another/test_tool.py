"""Tests."""
from tool import documents_another


def test_it() -> None:
    """It shouts."""
    assert documents_another(text="ab c") == "AB C"
    assert documents_another(text="") == ""
