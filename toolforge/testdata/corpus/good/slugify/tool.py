"""Makes slugs."""

import re


def slugify(*, title: str, longest: int = 80) -> str:
    """Return the title in lower case with dashes between its words.

    Args:
        title: What to shorten.
        longest: Most characters of the answer.
    """
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "-".join(words)[:longest].rstrip("-")
