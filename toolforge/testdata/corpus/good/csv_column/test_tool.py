"""Tests."""
import pytest
from tool import csv_column


def test_column() -> None:
    """Quotes and short rows."""
    assert csv_column(text='a,b\n1,"x,y"\n2\n', column="b") == ["x,y", ""]


def test_no_column() -> None:
    """The columns that there are, are named."""
    with pytest.raises(ValueError, match="there are"):
        csv_column(text="a,b\n", column="c")
