import pytest

from tool import first_lines


@pytest.fixture(name="file")
def file_fixture(tmp_path):
    file = tmp_path / "x y.txt"
    file.write_text("one\ntwo\nthree\n")
    return str(file)


def test_first(file):
    assert first_lines(path=file, count=1).splitlines() == ["one"]
    assert first_lines(path=file, count=2).splitlines() == ["one", "two"]


def test_fewer_than_asked(file):
    assert first_lines(path=file, count=9).splitlines() == ["one", "two", "three"]


def test_missing(tmp_path):
    with pytest.raises(Exception, match="no such file"):
        first_lines(path=str(tmp_path / "nope"), count=1)
