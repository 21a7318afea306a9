"""Tests."""
from tool import merge_intervals


def test_merge() -> None:
    """Order does not matter, touching is enough."""
    assert merge_intervals(intervals=[[6, 8], [1, 3], [3, 4], [2, 3]]) == [[1, 4], [6, 8]]


def test_inside() -> None:
    """One within another."""
    assert merge_intervals(intervals=[[1, 9], [2, 3]]) == [[1, 9]]


def test_none() -> None:
    """Nothing gives nothing."""
    assert merge_intervals(intervals=[]) == []
