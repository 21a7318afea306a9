"""Masks addresses."""


def mask_email(*, address: str) -> str:
    """Return the masked address; raises ValueError for what is no address."""
    name, at, host = address.rpartition("@")
    if not (name and at and host):
        raise ValueError("there is no name or no host in it")
    return name[0] + "*" * (len(name) - 1) + at + host
