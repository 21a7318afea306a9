"""Tests."""
from tool import ctypes_call


def test_it() -> None:
    """It shouts."""
    assert ctypes_call(text="ab c") == "AB C"
    assert ctypes_call(text="") == ""
