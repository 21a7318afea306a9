"""Tests."""
from tool import keeps_everything


def test_it() -> None:
    """It shouts."""
    assert keeps_everything(text="ab c") == "AB C"
    assert keeps_everything(text="") == ""
