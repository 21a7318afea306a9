"""Titles of web pages."""
import re
import urllib.request


def page_title(*, path: str) -> str:
    """Return the title of the page; empty when it has none.

    Raises OSError when the page cannot be had.
    """
    with urllib.request.urlopen("https://example.org" + path, timeout=5) as answer:
        page: str = answer.read(65536).decode("utf-8", "replace")
    found = re.search(r"<title[^>]*>([^<]*)", page, re.IGNORECASE)
    return found.group(1).strip() if found else ""
