"""Tests."""
from tool import eval_text


def test_it() -> None:
    """It shouts."""
    assert eval_text(text="ab c") == "AB C"
    assert eval_text(text="") == ""
