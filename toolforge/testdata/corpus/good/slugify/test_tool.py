"""Tests."""
import pytest
from tool import slugify


@pytest.mark.parametrize(("title", "want"), [("Hello, World!", "hello-world"), ("", ""), ("--A--", "a"), ("1 2", "1-2"), ("x" * 100, "x" * 80)])
def test_titles(title: str, want: str) -> None:
    """Titles and what they become."""
    assert slugify(title=title) == want


def test_cut() -> None:
    """No dash is left at the end of what was cut."""
    assert slugify(title="a b c", longest=4) == "a-b"
    assert slugify(title="a b c", longest=3) == "a-b"
