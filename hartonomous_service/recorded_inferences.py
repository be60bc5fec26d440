"""Lists and shows the inferences that were recorded."""

import json
from typing import Any

from hartonomous_core.vocabulary import INFERENCE_ROLES
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.rows.search_rows import ATOMS_BY_ID
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import PageLength, Skip, Tenant, Text, checked
from hartonomous_service.errors import NotFound


@checked
def list_inferences(
    resources: Resources,
    *,
    tenant: Tenant | None = 0,
    model: Text | None = None,
    limit: PageLength = 100,
    skip: Skip = 0,
    count: bool = False,
) -> dict[str, Any]:
    """Return a page of the inferences, the latest first; `tenant=None` lists those of all tenants. `total` is None unless they are to be counted."""

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        rows = query_inferences(unit_of_work, tenant, model=model, n=skip + limit + 1)
        total = unit_of_work.query("inference_count", tenant_id=tenant, model=model)[0]["n"] if count else None
        shown = [show_row(row) for row in rows[skip : skip + limit]]
        return {"inferences": shown, "total": total, "truncated": len(rows) > skip + limit}

    return ask(resources.database, read)


def query_inferences(
    unit_of_work: UnitOfWork,
    tenant: int | None,
    *,
    inference_id: str | None = None,
    model: str | None = None,
    n: int = 1,
) -> list[Row]:
    """Read rows of inferences, the latest first."""
    return unit_of_work.query(
        "inferences",
        tenant_id=tenant,
        inference_id=inference_id,
        model=model,
        n=n,
    )


def show_row(row: Row) -> dict[str, Any]:
    """Describe an inference, given its row, without its atoms."""
    return {**row, "metadata": json.loads(row["metadata"])}


@checked
def show_inference(resources: Resources, inference_id: Text, *, tenant: Tenant = 0) -> dict[str, Any]:
    """Return one inference with its atoms; an atom that the database does not hold has no text.

    Raises NotFound when the tenant has none of that id.
    """

    def read(unit_of_work: UnitOfWork) -> tuple[Row, list[Row], dict[int, str | None]]:
        rows = query_inferences(unit_of_work, tenant, inference_id=inference_id)
        if not rows:
            raise NotFound(f"inference {inference_id} is not found", remedy="list_inferences")
        named = unit_of_work.query("inference_atoms", tenant_id=tenant, inference_id=inference_id)
        ids = json.dumps([row["atomId"] for row in named if row["atomId"] is not None])
        return rows[0], named, {row["atomId"]: row["text"] for row in unit_of_work.query(ATOMS_BY_ID, atom_ids=ids)}

    inference, named, texts = ask(resources.database, read)
    atoms = {
        role: [
            {"atomHash": row["atomHash"], "text": texts.get(row["atomId"]), "isHere": row["atomId"] is not None}
            for row in named
            if row["role"] == role
        ]
        for role in INFERENCE_ROLES
    }
    return {**show_row(inference), "inputAtoms": atoms["input"], "outputAtoms": atoms["output"]}
