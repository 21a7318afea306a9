"""Tests."""

from tool import split_key


def test_length() -> None:
    """A checksum of 64 digits that depends on the text."""
    assert len(split_key(text="a")) == 64
    assert split_key(text="a") != split_key(text="b")
