"""Tests."""
import pytest
from tool import topological_order


def test_order() -> None:
    """Each after what it needs."""
    assert topological_order(dependencies={"c": ["b"], "b": ["a"]}) == ["a", "b", "c"]


def test_cycle() -> None:
    """A cycle is named."""
    with pytest.raises(ValueError, match="cycle"):
        topological_order(dependencies={"a": ["b"], "b": ["a"]})
