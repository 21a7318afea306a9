"""Sums."""


def copied_sum(*, numbers: list[int]) -> int:
    """Return the sum of what is above zero."""
    return sum(number for number in numbers if number > 0)
