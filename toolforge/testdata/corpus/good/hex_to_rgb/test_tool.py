"""Tests."""
import pytest
from tool import hex_to_rgb


@pytest.mark.parametrize(("colour", "want"), [("#010203", [1, 2, 3]), ("AbC", [170, 187, 204])])
def test_colours(colour: str, want: list[int]) -> None:
    """Long and short, with and without the mark."""
    assert hex_to_rgb(colour=colour) == want


@pytest.mark.parametrize("colour", ["", "#12", "#12345g", "1234567"])
def test_no_colour(colour: str) -> None:
    """What is none."""
    with pytest.raises(ValueError, match="no colour"):
        hex_to_rgb(colour=colour)
