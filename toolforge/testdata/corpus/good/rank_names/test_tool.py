import pytest
from tool import rank_names


def test_ranks():
    assert rank_names(names=["b", "a", "b", "c", "a", "b"]) == [
        {"name": "b", "count": 3, "first": 0},
        {"name": "a", "count": 2, "first": 1},
        {"name": "c", "count": 1, "first": 3},
    ]


def test_top():
    assert [place["name"] for place in rank_names(names=["d", "c", "b", "a"])] == ["a", "b", "c"]
    assert [place["name"] for place in rank_names(names=["b", "a"], top=1)] == ["a"]
    with pytest.raises(IndexError):
        rank_names(names=["a"], top=0)


def test_none():
    assert rank_names(names=[]) == []
