"""Tests."""
import pytest
from tool import roman_numeral


@pytest.mark.parametrize(("number", "want"), [(1, "I"), (4, "IV"), (14, "XIV"), (1666, "MDCLXVI"), (3999, "MMMCMXCIX"), (49, "XLIX"), (940, "CMXL")])
def test_numerals(number: int, want: str) -> None:
    """Numbers and their numerals."""
    assert roman_numeral(number=number) == want


@pytest.mark.parametrize("number", [0, 4000])
def test_outside(number: int) -> None:
    """What cannot be written."""
    with pytest.raises(ValueError, match="3999"):
        roman_numeral(number=number)
