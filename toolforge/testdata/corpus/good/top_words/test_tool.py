"""Tests."""
import pytest
from tool import ToolError, top_words


@pytest.mark.parametrize(("text", "most", "want"), [
    ("b a b", 1, "2 b"), ("b a b", 5, "2 b\n1 a"), ("c b a", 2, "1 a\n1 b"), ("x, x; 'x' y-y", 9, "3 x\n2 y"), ("-n -n", 3, "2 n"), ("$(id) `id`", 1, "2 id"),
])
def test_words(text: str, most: int, want: str) -> None:
    """Counts, in order, and no more than were asked for."""
    assert top_words(text=text, most=most) == want


def test_ten_are_given() -> None:
    """Ten, when nothing is said."""
    assert len(top_words(text=" ".join("abcdefghijklmno")).splitlines()) == 10


def test_nothing() -> None:
    """No word is no error."""
    assert top_words(text="") == ""


def test_wrong() -> None:
    """An argument that there is not."""
    with pytest.raises(TypeError):
        top_words(words="x")
    assert issubclass(ToolError, Exception)
