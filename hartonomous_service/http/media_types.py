"""Chooses what to answer with by the header Accept."""

from __future__ import annotations

from collections.abc import Sequence


def choose_media_type(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the offered media type that is wanted most (RFC 9110, 12.5.1), of equals the first; None where none is acceptable."""
    if not accept or not accept.strip():
        return offered[0]
    ranges = [_read(each) for each in accept.split(",")]
    weights = {
        kind: max((each for each in ranges if _fits(each[0], kind)), key=_precision, default=None) for kind in offered
    }
    best = max(offered, key=lambda kind: 0.0 if (found := weights[kind]) is None else found[1])
    chosen = weights[best]
    return best if chosen is not None and chosen[1] > 0 else None


def _read(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, min(max(float(quality), 0.0), 1.0)
    except ValueError:
        return kind, 0.0


def _fits(wanted: str, kind: str) -> bool:
    return wanted in ("*/*", kind) or (wanted.endswith("/*") and kind.startswith(wanted[:-1]))


def _precision(wanted: tuple[str, float]) -> int:
    return 2 - wanted[0].count("*")
