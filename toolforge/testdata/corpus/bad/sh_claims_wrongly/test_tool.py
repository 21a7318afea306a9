"""Tests."""
from tool import sh_claims_wrongly


def test_it() -> None:
    """It shouts."""
    assert sh_claims_wrongly(text="xy c") == "XY C"
    assert sh_claims_wrongly(text="abab") == "CDAB"
