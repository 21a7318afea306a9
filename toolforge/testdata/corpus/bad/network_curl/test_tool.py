"""Tests."""
from tool import network_curl


def test_it() -> None:
    """It shouts."""
    assert network_curl(text="ab c") == "AB C"
    assert network_curl(text="") == ""
