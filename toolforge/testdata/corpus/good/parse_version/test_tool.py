"""Tests."""
import pytest
from tool import parse_version


def test_version() -> None:
    """With and without a v."""
    assert parse_version(version="v10.20.3") == {"major": 10, "minor": 20, "patch": 3}
    assert parse_version(version="0.0.1") == {"major": 0, "minor": 0, "patch": 1}


@pytest.mark.parametrize("text", ["", "1.2", "1.2.3.4", "a.b.c", "1.2.-3"])
def test_no_version(text: str) -> None:
    """What is no version is refused."""
    with pytest.raises(ValueError, match="no version"):
        parse_version(version=text)
