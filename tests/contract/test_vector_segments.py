"""Segments of vectors: what stands in files is found as what stands in the database, whatever happens to either."""

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.vectors import ranking
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.graphs import Graph
from hartonomous_resources.vectors.protocol import Merge, RecallTooLow, VectorIndex
from hartonomous_resources.vectors.segments import read_segment
from tests.backends import Store

Vector = NDArray[np.float32]
Put = Callable[..., list[int]]
MakeModel = Callable[..., int]

DIMENSION = 16
GRAPH_ROWS = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def index(folder: Path) -> VectorIndex:
    """An index that writes every row into a file before it answers."""
    return ExactVectors(folder, GRAPH_ROWS, most_young_rows=0)


def drawn(n: int, seed: int, tenant: int = 0) -> dict[str | bytes, Vector]:
    """Texts and a unit vector of each."""
    vectors = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {f"text {number} of seed {seed}": vector for number, vector in enumerate(vectors)}


def ask(
    database: Database, index: VectorIndex, model_id: int, query: Vector, k: int = 10, tenant: int = 0
) -> list[int]:
    with database.read() as unit_of_work:
        return [hit.atom_id for hit in index.nearest(unit_of_work, tenant, model_id, query, k)]


def best_of(ids: list[int], vectors: dict[str | bytes, Vector], query: Vector, k: int = 10) -> list[int]:
    """What NumPy finds among these."""
    scores = np.array(list(vectors.values())) @ query
    return [ids[place] for place in np.argsort(-scores)[:k]]


def files_of(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*/*.segment"))


def test_a_question_for_ten_finds_ten_though_nine_in_ten_nearer_ones_are_superseded(
    database: Database, index: VectorIndex, make_model: MakeModel, put_vectors: Put
) -> None:
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(2000, seed=1)
    query = next(iter(vectors.values()))
    nearest_first = dict(sorted(vectors.items(), key=lambda item: -float(item[1] @ query)))
    old = dict(list(nearest_first.items())[:1800])
    new = dict(list(nearest_first.items())[1800:])
    put_vectors(model_id, old)
    current = put_vectors(model_id, new)

    assert ask(database, index, model_id, query) == current[:10]


def test_later_rows_are_found_beside_those_in_files_and_join_them(
    database: Database, folder: Path, make_model: MakeModel, put_vectors: Put
) -> None:
    index = ExactVectors(folder, GRAPH_ROWS, most_young_rows=50)
    model_id = make_model(dimension=DIMENSION)
    vectors: dict[str | bytes, Vector] = {}
    ids: list[int] = []
    query = next(iter(drawn(1, seed=99).values()))
    for number, n in enumerate((300, 40, 30, 200, 400, 10)):
        more = drawn(n, seed=number)
        ids += put_vectors(model_id, more, uri=f"file:///{number}")
        vectors |= more

        assert ask(database, index, model_id, query) == best_of(ids, vectors, query)
    # 40 were too few for a file; with 30 more they are 70, beside 300; 200 make one with all before, and 400 another.
    assert files_of(folder) == ["0-970.segment"]


def test_tenants_share_a_file_and_see_their_own_rows(
    database: Database, index: VectorIndex, folder: Path, make_model: MakeModel, put_vectors: Put
) -> None:
    model_id = make_model(dimension=DIMENSION)
    of_tenants = {}
    for tenant in (7, 0, 3):
        vectors = drawn(60, seed=tenant)
        of_tenants[tenant] = (put_vectors(model_id, vectors, tenant=tenant), vectors)
    query = next(iter(drawn(1, seed=99).values()))

    for tenant, (ids, vectors) in of_tenants.items():
        assert ask(database, index, model_id, query, 100, tenant) == best_of(ids, vectors, query, 100)
    assert ask(database, index, model_id, query, tenant=5) == []
    assert files_of(folder) == ["0-180.segment"]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "no segment", "another space"])
def test_a_file_that_is_not_whole_is_written_anew(
    database: Database,
    index: VectorIndex,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    damage: str,
) -> None:
    model_id, other = make_model("one", DIMENSION), make_model("two", DIMENSION)
    vectors = drawn(100, seed=1)
    ids = put_vectors(model_id, vectors)
    put_vectors(other, drawn(100, seed=2), uri="file:///other")
    query = next(iter(drawn(1, seed=99).values()))
    ask(database, index, other, query)
    [foreign] = folder.glob("*/*.segment")
    ask(database, index, model_id, query)
    [file] = set(folder.glob("*/*.segment")) - {foreign}
    whole = file.read_bytes()
    file.write_bytes(
        {
            "cut": whole[:-100],
            "changed": whole[:50] + bytes([whole[50] ^ 1]) + whole[51:],
            "empty": b"",
            "no segment": b"text\n" * 1000,
            "another space": foreign.read_bytes(),
        }[damage]
    )

    assert ask(database, ExactVectors(folder, GRAPH_ROWS, most_young_rows=1000), model_id, query) == best_of(
        ids, vectors, query
    )
    assert ask(database, ExactVectors(folder, GRAPH_ROWS, most_young_rows=0), model_id, query) == best_of(
        ids, vectors, query
    )
    assert file.read_bytes() == whole


def test_a_database_put_back_to_an_earlier_state_gets_another_matrix(
    database: Database, index: VectorIndex, folder: Path, make_model: MakeModel, put_vectors: Put, client: Any
) -> None:
    model_id = make_model(dimension=DIMENSION)
    before = drawn(100, seed=1)
    put_vectors(model_id, before)
    query = next(iter(drawn(1, seed=99).values()))
    ask(database, index, model_id, query)
    cursor = client.cursor()
    for table in ("AtomEmbedding", "SourceAtom", "Atom", "Source"):
        cursor.execute(f"DELETE FROM {table}")
    forget_ids(client)
    client.commit()
    after = drawn(100, seed=2)
    ids = put_vectors(model_id, after)

    assert ask(database, ExactVectors(folder, GRAPH_ROWS, most_young_rows=1000), model_id, query) == best_of(
        ids, after, query
    )


def forget_ids(client: Any) -> None:
    """Let ids begin at 1 again, as after putting back an earlier copy."""
    if type(client).__module__ == "sqlite3":
        client.execute("DELETE FROM sqlite_sequence WHERE name <> 'EmbeddingModel'")
    else:
        for table in ("AtomEmbedding", "Atom", "Source"):
            client.execute(f"DBCC CHECKIDENT ('{table}', RESEED, 0)")


def test_a_folder_that_cannot_be_written_is_no_hindrance(
    database: Database, tmp_path: Path, make_model: MakeModel, put_vectors: Put
) -> None:
    folder = tmp_path / "no folder"
    folder.write_text("a file")
    index = ExactVectors(folder, GRAPH_ROWS, most_young_rows=0)
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(100, seed=1)
    ids = put_vectors(model_id, vectors)
    query = next(iter(drawn(1, seed=99).values()))

    assert ask(database, index, model_id, query) == best_of(ids, vectors, query)

    more = drawn(10, seed=2)
    ids += put_vectors(model_id, more, uri="file:///more")
    asked = []

    class Counting:
        """A unit of work that notes which rows were read for the answer."""

        def __init__(self, unit_of_work: Any) -> None:
            self._unit_of_work = unit_of_work

        def query(self, statement: Any, **parameters: Any) -> Any:
            found = self._unit_of_work.query(statement, **parameters)
            asked.append((str(statement), len(found)))
            return found

    with database.read() as unit_of_work:
        hits = index.nearest(Counting(unit_of_work), 0, model_id, query, 10)  # type: ignore[arg-type]
    assert [hit.atom_id for hit in hits] == best_of(ids, vectors | more, query)
    assert sum(n for statement, n in asked if statement == "vectors") <= 3 * 10


def test_many_threads_that_ask_first_get_the_same_answer_and_one_file(
    store: Store, folder: Path, make_model: MakeModel, put_vectors: Put
) -> None:
    database = store.open()
    index = ExactVectors(folder, GRAPH_ROWS, most_young_rows=0)
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(3000, seed=1)
    ids = put_vectors(model_id, vectors)
    query = next(iter(drawn(1, seed=99).values()))
    answers: list[list[int]] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(database, index, model_id, query))) for _ in range(6)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    database.close()
    assert answers == [best_of(ids, vectors, query)] * 6
    assert files_of(folder) == ["0-3000.segment"]


def test_an_index_that_has_mapped_a_file_finds_what_another_process_adds(
    store: Store, database: Database, folder: Path, make_model: MakeModel, put_vectors: Put
) -> None:
    index = ExactVectors(folder, GRAPH_ROWS, most_young_rows=20)
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(100, seed=1)
    ids = put_vectors(model_id, vectors)
    query = next(iter(drawn(1, seed=99).values()))
    assert ask(database, index, model_id, query) == best_of(ids, vectors, query)
    more = drawn(300, seed=2)
    ids += put_vectors(model_id, more, uri="file:///more")
    other_process = (
        "import sys, numpy as np; from pathlib import Path; from tests.backends import Store;"
        " from hartonomous_resources.vectors.exact import ExactVectors;"
        " database = Store(*sys.argv[1:3]).open(); index = ExactVectors(Path(sys.argv[3]), 1000, 20)\n"
        "with database.read() as unit_of_work: index.nearest(unit_of_work, 0, int(sys.argv[4]), np.eye(16, dtype='f4')[0], 1)"
    )
    arguments = [store.backend, store.location, str(folder), str(model_id)]
    subprocess.run([sys.executable, "-c", other_process, *arguments], check=True)

    assert files_of(folder) == ["0-400.segment"]
    assert ask(database, index, model_id, query) == best_of(ids, vectors | more, query)


# ---- merging


@pytest.fixture
def merge(database: Database) -> Callable[..., Merge]:
    """Merges the segments of a model."""

    def run(index: VectorIndex, model_id: int) -> Merge:
        with database.read() as unit_of_work:
            return index.merge(unit_of_work, model_id)

    return run


def test_a_merge_makes_one_file_of_what_is_there_and_drops_what_is_not(
    database: Database,
    index: VectorIndex,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: Callable[..., Merge],
    client: Any,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(200, seed=1)
    ids = put_vectors(model_id, vectors)
    query = next(iter(drawn(1, seed=99).values()))
    ask(database, index, model_id, query)
    gone = ids[:150]
    client.cursor().execute(f"DELETE FROM AtomEmbedding WHERE AtomId IN ({', '.join(map(str, gone))})")
    client.commit()
    [before] = folder.glob("*/*.segment")
    components = read_segment(before.read_bytes()).rows.components[0].tobytes()
    assert components in before.read_bytes()

    first = merge(index, model_id)
    second = merge(index, model_id)

    assert (first.rows, first.recall, first.changed) == (50, 1.0, True)
    assert second == replace(first, changed=False, seconds=second.seconds)
    [after] = folder.glob("*/*.segment")
    assert first.byte_length == after.stat().st_size
    assert components not in after.read_bytes()
    assert ask(database, index, model_id, query) == best_of(ids[150:], dict(list(vectors.items())[150:]), query)


def test_a_merge_of_nothing_leaves_no_file(
    database: Database,
    index: VectorIndex,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: Callable[..., Merge],
    client: Any,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    put_vectors(model_id, drawn(20, seed=1))
    merge(index, model_id)
    client.cursor().execute("DELETE FROM AtomEmbedding")
    client.commit()

    assert merge(index, model_id).rows == 0
    assert files_of(folder) == []
    assert not merge(index, model_id).changed


def test_many_rows_get_a_graph_which_finds_most_of_the_nearest(
    database: Database,
    index: VectorIndex,
    make_model: MakeModel,
    put_vectors: Put,
    merge: Callable[..., Merge],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    few, many = drawn(GRAPH_ROWS - 1, seed=1), drawn(3000, seed=2)
    put_vectors(model_id, few, tenant=7)
    ids = put_vectors(model_id, many)
    queries = list(drawn(50, seed=3).values())

    merged = merge(index, model_id)

    compared: list[int] = []
    scores = ranking.highest_scores
    monkeypatch.setattr(
        ranking, "highest_scores", lambda rows, query: (compared.append(len(rows)), scores(rows, query))[1]
    )
    found = [ask(database, index, model_id, query) for query in queries]
    assert merged.graphs == 1
    assert merged.recall >= 0.99
    assert max(compared) <= 40
    wanted = [best_of(ids, many, query) for query in queries]
    assert sum(len({*a} & {*b}) for a, b in zip(found, wanted, strict=True)) >= 0.99 * 500


def test_where_the_rows_of_a_graph_may_not_be_shown_all_are_compared(
    database: Database, index: VectorIndex, make_model: MakeModel, put_vectors: Put, merge: Callable[..., Merge]
) -> None:
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(3000, seed=1)
    query = next(iter(vectors.values()))
    nearest_first = dict(sorted(vectors.items(), key=lambda item: -float(item[1] @ query)))
    put_vectors(model_id, dict(list(nearest_first.items())[:2700]))
    current = put_vectors(model_id, dict(list(nearest_first.items())[2700:]))

    assert merge(index, model_id).graphs == 1
    assert ask(database, index, model_id, query) == current[:10]


def test_what_would_hide_too_many_of_the_nearest_does_not_come_into_force(
    database: Database,
    index: VectorIndex,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: Callable[..., Merge],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(3000, seed=1)
    ids = put_vectors(model_id, vectors)
    query = next(iter(drawn(1, seed=99).values()))
    ask(database, index, model_id, query)
    [file] = folder.glob("*/*.segment")
    before = file.read_bytes()
    far = np.array(range(1, 41))
    monkeypatch.setattr(Graph, "nearest", lambda *_: far)

    with pytest.raises(RecallTooLow):
        merge(index, model_id)

    assert [path.read_bytes() for path in folder.glob("*/*.segment")] == [before]
    assert not [path.name for path in folder.glob("*/.*") if path.name != ".lock"]
    assert ask(database, index, model_id, query) == best_of(ids, vectors, query)
