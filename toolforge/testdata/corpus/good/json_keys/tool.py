"""Walks JSON."""

import json
from collections.abc import Iterator


def _walk(value: object, prefix: str) -> Iterator[str]:
    """Yield the paths below a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{prefix}[{index}]")
    elif prefix:
        yield prefix


def json_keys(*, document: str) -> list[str]:
    """Return the paths; raises ValueError when the text is not JSON."""
    return list(_walk(json.loads(document), ""))
