"""Tests."""
from tool import many_processes


def test_it() -> None:
    """It shouts."""
    assert many_processes(text="ab c") == "AB C"
    assert many_processes(text="") == ""
