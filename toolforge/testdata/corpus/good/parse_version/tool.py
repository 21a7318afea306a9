"""Reads versions."""

import re


def parse_version(*, version: str) -> dict[str, int]:
    """Return the three numbers of a version; raises ValueError when it is none."""
    found = re.fullmatch(r"v?([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})", version, re.ASCII)
    if found is None:
        raise ValueError(f"{version!r} is no version such as 1.2.3")
    return {"major": int(found[1]), "minor": int(found[2]), "patch": int(found[3])}
