"""Makes one ranking of several."""

from collections.abc import Sequence

RRF_K = 60
"""Constant of reciprocal rank fusion: Cormack, Clarke, Büttcher, SIGIR 2009."""


def fuse(*rankings: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Fuse rankings, the best first, by reciprocal rank; equally good ones are in the order of their id."""
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, (atom_id, _) in enumerate(ranking, start=1):
            fused[atom_id] = fused.get(atom_id, 0.0) + 1 / (RRF_K + rank)
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))
