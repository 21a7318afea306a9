"""Tests."""
import pytest
from tool import is_leap_year


@pytest.mark.parametrize(("year", "want"), [(2024, True), (2023, False), (1900, False), (2000, True), (4, True), (100, False), (5, False), (400, True), (2001, False)])
def test_years(year: int, want: bool) -> None:
    """Four, a hundred, four hundred."""
    assert is_leap_year(year=year) is want
