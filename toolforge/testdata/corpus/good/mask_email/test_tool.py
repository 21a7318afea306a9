"""Tests."""
import pytest
from tool import mask_email


def test_mask() -> None:
    """The first letter stays."""
    assert mask_email(address="joe@example.org") == "j**@example.org"
    assert mask_email(address="j@example.org") == "j@example.org"
    assert mask_email(address="a@b@c") == "a**@c"


@pytest.mark.parametrize("address", ["", "joe", "@x", "joe@"])
def test_no_address(address: str) -> None:
    """What is none."""
    with pytest.raises(ValueError, match="no name or no host"):
        mask_email(address=address)
