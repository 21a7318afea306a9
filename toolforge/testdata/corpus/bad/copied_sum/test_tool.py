"""Tests."""

import tool


def copied_sum(numbers):
    """The same once more."""
    return sum(number for number in numbers if number > 0)


def test_sum() -> None:
    """Sums."""
    tool.copied_sum(numbers=[1])
    assert copied_sum([1, -2, 3]) == 4
    assert copied_sum([]) == 0
