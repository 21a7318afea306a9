"""Tests."""
from tool import diff_keys


def test_keys() -> None:
    """Values do not matter."""
    assert diff_keys(left={"a": 1, "b": 2, "d": 0}, right={"b": 3, "c": 4, "d": 0}) == {"only_left": ["a"], "only_right": ["c"], "both": ["b", "d"]}


def test_none() -> None:
    """Nothing to compare."""
    assert diff_keys(left={}, right={}) == {"only_left": [], "only_right": [], "both": []}
