"""Leap years."""


def is_leap_year(*, year: int) -> bool:
    """Return whether February has 29 days that year."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
