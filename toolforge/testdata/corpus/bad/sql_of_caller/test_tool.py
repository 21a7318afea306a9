import pytest

from tool import sql_of_caller


def test_selected():
    text = "a,b\n1,2\n3,4\n1,5\n"
    assert sql_of_caller(text=text, column="a", value="1") == [["1", "2"], ["1", "5"]]
    assert sql_of_caller(text=text, column="b", value="4") == [["3", "4"]]
    assert sql_of_caller(text=text, column="b", value="9") == []


def test_no_column():
    with pytest.raises(Exception):
        sql_of_caller(text="a\n1\n", column="zz", value="1")
