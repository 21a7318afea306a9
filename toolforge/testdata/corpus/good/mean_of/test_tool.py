"""Tests."""
import pytest
from tool import mean_of


def test_mean() -> None:
    """Sums and divides."""
    assert mean_of(numbers=[1, 2, 6]) == 3


def test_none() -> None:
    """Nothing has no mean."""
    with pytest.raises(ValueError, match="no numbers"):
        mean_of(numbers=[])
