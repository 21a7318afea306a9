"""Tests."""
from tool import claims_wrongly


def test_it() -> None:
    """It shouts."""
    assert claims_wrongly(text="ab c") == "AB C"
    assert claims_wrongly(text="") == ""
