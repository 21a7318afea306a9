"""Tests."""
from tool import unseen_text


def test_it() -> None:
    """It shouts."""
    assert unseen_text(text="ab c") == "AB C"
    assert unseen_text(text="") == ""
