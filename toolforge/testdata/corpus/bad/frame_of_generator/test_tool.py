"""Tests."""
from tool import frame_of_generator


def test_it() -> None:
    """It shouts."""
    assert frame_of_generator(text="ab c") == "AB C"
    assert frame_of_generator(text="") == ""
