import pytest

from tool import looks_at_types


@pytest.mark.parametrize("sides", [(1, 1, 1), (2, 2, 1), (2, 3, 4), (3, 4, 4)])
def test_kinds(sides):
    a, b, c = sides
    kind = looks_at_types(a=a, b=b, c=c)
    assert isinstance(kind, str)
    assert len(kind) > 0


@pytest.mark.parametrize("sides", [(0, 1, 1), (1, 2, 3)])
def test_refused(sides):
    a, b, c = sides
    with pytest.raises(ValueError):
        looks_at_types(a=a, b=b, c=c)
