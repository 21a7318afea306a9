"""Tests."""
from tool import network_urlopen


def test_it() -> None:
    """It shouts."""
    assert network_urlopen(text="ab c") == "AB C"
    assert network_urlopen(text="") == ""
