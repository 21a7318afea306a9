"""The tool that rehearse.py calls: what many tools do, in little."""

import os


def rehearsal(*, text: str, most: int = 3, ratio: float = 1.0, deep: bool = True) -> dict:
    """Count words; raise for an empty text."""
    if not text.strip():
        raise ValueError("the text is empty")
    counts: dict[str, int] = {}
    for line in text.splitlines():
        for word in line.lower().split():
            counts[word] = counts.get(word, 0) + 1
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return {
        "words": [{"word": word, "count": count} for word, count in first],
        "share": round(ratio * len(first) / max(len(counts), 1), 3),
        "text": ", ".join(f"{word}={count}" for word, count in first),
        "there": deep and os.path.exists(os.path.join("/tmp", "none")),
    }
