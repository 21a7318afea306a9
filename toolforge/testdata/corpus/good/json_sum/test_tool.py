"""Tests."""
import pytest
from tool import json_sum


@pytest.mark.parametrize(("records", "total", "count"), [
    ([], 0, 0), ([{"a": 1}, {"a": 2}, {"b": 3}], 3, 2), ([{"a": "x"}, {"a": 1.5}], 1.5, 1), ([{"a": None}], 0, 0),
])
def test_sums(records: list[dict[str, object]], total: float, count: int) -> None:
    """Numbers count, other values do not."""
    assert json_sum(records=records, field="a") == {"sum": total, "count": count}


def test_strange_fields() -> None:
    """A field's name is a name, and no program."""
    assert json_sum(records=[{"] | halt_error": 4}], field="] | halt_error") == {"sum": 4, "count": 1}
