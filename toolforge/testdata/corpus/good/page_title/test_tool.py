"""Tests, with what the host would answer."""
import io
import urllib.request

import pytest
from tool import page_title


@pytest.mark.parametrize(("page", "want"), [(b"<html><title> A page </title>", "A page"), (b"<TITLE lang=en>x", "x"), (b"no title", ""), (b"", "")])
def test_title(page: bytes, want: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page and its title; the address is the host's."""
    asked = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        asked.append((url, timeout))
        return io.BytesIO(page)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert page_title(path="/a") == want
    assert asked == [("https://example.org/a", 5)]


def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the host does not answer is an error."""

    def refuse(url: str, timeout: float) -> io.BytesIO:
        raise OSError(f"no answer from {url} in {timeout} s")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(OSError, match="no answer"):
        page_title(path="/")
