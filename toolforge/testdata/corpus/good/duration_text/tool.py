"""Durations in words."""


def duration_text(*, seconds: int) -> str:
    """Return the duration, without parts that are zero."""
    if seconds < 0:
        raise ValueError("a duration is not negative")
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if n]
    return " ".join(parts) or "0 s"
