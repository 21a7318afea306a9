"""Tests."""
from tool import wrong_result


def test_it() -> None:
    """It shouts."""
    assert wrong_result(text="ab c") == "AB C"
    assert wrong_result(text="") == ""
