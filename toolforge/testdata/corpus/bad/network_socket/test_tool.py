"""Tests."""
from tool import network_socket


def test_it() -> None:
    """It shouts."""
    assert network_socket(text="ab c") == "AB C"
    assert network_socket(text="") == ""
