"""Segments of vectors: what stands in files is found as what stands in the database, whatever happens to either."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.protocol import VectorIndex
from tests.backends import Store
from tests.contract.drawn_vectors import DIMENSION, GRAPH_ROWS, MakeModel, Put, Vector, ask, best_of, drawn, files_of


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
