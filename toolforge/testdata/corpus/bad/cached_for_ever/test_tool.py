import pytest

from tool import cached_for_ever


@pytest.mark.parametrize("name,want", [("  aNN  lee ", "Ann Lee"), ("", ""), ("x", "X")])
def test_name(name, want):
    assert cached_for_ever(name=name) == want
