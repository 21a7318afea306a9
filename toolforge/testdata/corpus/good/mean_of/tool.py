"""Means."""


def mean_of(*, numbers: list[float]) -> float:
    """Return the mean of numbers; raises ValueError when there are none."""
    if not numbers:
        raise ValueError("there are no numbers")
    return sum(numbers) / len(numbers)
