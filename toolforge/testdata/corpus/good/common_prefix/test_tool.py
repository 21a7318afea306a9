"""Tests."""
import pytest
from tool import common_prefix


@pytest.mark.parametrize(("texts", "want"), [([], ""), (["ab"], "ab"), (["abc", "abd", "ab"], "ab"), (["x", "y"], ""), (["aa", "aab"], "aa")])
def test_prefix(texts: list[str], want: str) -> None:
    """Texts and their beginning."""
    assert common_prefix(texts=texts) == want
