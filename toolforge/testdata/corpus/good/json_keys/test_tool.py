"""Tests."""
import pytest
from tool import json_keys


def test_paths() -> None:
    """Objects and lists."""
    assert json_keys(document='{"a": {"b": 1, "c": [true, {"d": null}]}}') == ["a.b", "a.c[0]", "a.c[1].d"]


def test_plain() -> None:
    """A plain value has no path."""
    assert json_keys(document="1") == []


def test_no_json() -> None:
    """Text is no JSON."""
    with pytest.raises(ValueError, match="Expecting"):
        json_keys(document="x")
