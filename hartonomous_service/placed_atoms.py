"""Reads where the atoms of a space lie in 3-D, as tables of pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ACTIVE_PROJECTION_MODEL
from hartonomous_resources.database.rows.place_rows import PLACED_ATOMS, PlacedAtom
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import Tenant, checked
from hartonomous_service.errors import Conflict
from hartonomous_service.search.questions import answering_space

if TYPE_CHECKING:
    import pandas as pd

_BLOCK_ROWS = 8192


class PlacedAtoms:
    """The atoms of a tenant that a search may show, with their places in a space by its active projection."""

    def __init__(self, resources: Resources, tenant: int, space: tuple[int, int] | None, texts: bool) -> None:
        self._resources = resources
        self._tenant = tenant
        self._space = space
        self._texts = texts

    def blocks(self) -> Iterator[pd.DataFrame]:
        """Yield tables of some thousand atoms in the order in which they were embedded: memory does not grow with how many there are.

        Columns: atomHash, modality, text (missing where none was asked for), x, y, z, hilbertValue, and sourceId and sourceUri of the first current
        source that holds the atom, missing where it was inserted by hand. Each block is read in a transaction of its own.

        Raises Conflict where another projection has become the active one meanwhile, or the embedding model was dropped.
        """
        rows: Sequence[PlacedAtom] | None = None
        while self._space is not None and (rows is None or rows):
            after = rows[-1]["atomEmbeddingId"] if rows else 0
            rows = ask(self._resources.database, partial(self._read, space=self._space, after=after))
            if shown := [row for row in rows if row["isShown"]]:
                yield _frame(shown)

    def to_frame(self) -> pd.DataFrame:
        """Return all of them as one table: of 10^6 atoms without texts 140 MB, and 330 MB while it is made (benchmarks/many_positions.py)."""
        import pandas as pd

        blocks = list(self.blocks())
        return pd.concat(blocks, ignore_index=True) if blocks else _frame([])

    def _read(self, unit_of_work: UnitOfWork, space: tuple[int, int], after: int) -> Sequence[PlacedAtom]:
        model_id, projection_id = space
        active = unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=model_id)
        if not active:
            raise Conflict("the embedding model was dropped meanwhile: read the places again")
        if active[0]["projectionModelId"] != projection_id:
            raise Conflict("another projection has become the active one meanwhile: read the places again")
        return unit_of_work.query(
            PLACED_ATOMS,
            model_id=model_id,
            tenant_id=self._tenant,
            projection_model_id=projection_id,
            after=after,
            with_text=int(self._texts),
            n=_BLOCK_ROWS,
        )


@checked
def placed_atoms(resources: Resources, *, tenant: Tenant = 0, texts: bool = True) -> PlacedAtoms:
    """Find the places of a tenant's atoms in the space that a search looks through, for its `to_frame()` or, of very many, its `blocks()`.

    Without `texts`, none is read. Raises Conflict when the embeddings are by another model than the settings name.
    """
    model_id = answering_space(resources)
    active = [] if model_id is None else query(resources.database, ACTIVE_PROJECTION_MODEL, model_id=model_id)
    space = (model_id, active[0]["projectionModelId"]) if model_id is not None and active else None
    return PlacedAtoms(resources, tenant, space, texts)


def _frame(rows: Sequence[PlacedAtom]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "atomHash": pd.Series([row["contentHash"].hex() for row in rows], dtype="string"),
            "modality": pd.Series([row["modality"] for row in rows], dtype="string"),
            "text": pd.Series([row["text"] for row in rows], dtype="string"),
            **{axis: pd.Series([row[axis] for row in rows], dtype="float64") for axis in ("x", "y", "z")},
            "hilbertValue": pd.Series([row["hilbertValue"] for row in rows], dtype="int64"),
            "sourceId": pd.Series([row["sourceId"] for row in rows], dtype="Int64"),
            "sourceUri": pd.Series([row["sourceUri"] for row in rows], dtype="string"),
        }
    )
