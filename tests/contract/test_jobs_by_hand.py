"""Jobs that somebody else inserts, as IBackgroundJobService of the .NET system does: done, once, or failed with a true reason."""

import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from hartonomous_assets import embeddings
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_resources.resources import Resources
from hartonomous_resources.work import job_handlers
from hartonomous_resources.work.pending import hours_with_work, move_stray_work
from hartonomous_service.background_jobs import create_job, get_job, retry_job, update_job_status
from hartonomous_service.errors import Conflict, Invalid, NotFound
from tests.backends import rows
from tests.builders import SmallCompute, dead_letters, write

UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def home(make_home: Callable[..., Resources]) -> Resources:
    """A home whose model takes no time."""
    resources = make_home()
    object.__setattr__(resources, "compute", SmallCompute())
    return resources


def insert(
    client: Any, parameters: str, tenant_id: int = 0, job_id: str | None = None, job_type: str = "GenerateEmbedding"
) -> str:
    """The row that BackgroundJobService.CreateJobAsync writes; returns its id."""
    job_id = job_id or str(uuid.uuid4()).upper()
    client.cursor().execute(
        "INSERT INTO BackgroundJob (JobId, JobType, Parameters, TenantId, Status, CreatedAt) VALUES (?, ?, ?, ?, ?, ?)",
        (job_id, job_type, parameters, tenant_id, "Pending", timestamp()),
    )
    client.commit()
    return job_id


def atom_of(client: Any, text: str) -> int:
    return int(rows(client, "SELECT AtomId FROM Atom WHERE CanonicalText = ?", text)[0]["AtomId"])


def forget_jobs(client: Any) -> None:
    """Remove the jobs that the trigger wrote."""
    client.cursor().execute("DELETE FROM BackgroundJob")
    client.commit()


def wakes(home: Resources) -> list[str]:
    """The hours whose jobs ask for a run, once those that no run is asked for are moved."""
    others = dict.fromkeys(["ingestion_enabled", "projection_enabled", "provenance_enabled"], False)
    settings = home.settings.model_copy(update=others)
    move_stray_work(home.database, settings, current_hour())
    return hours_with_work(home.database, settings, current_hour())


def run(home: Resources) -> dict[str, int]:
    """What the stage does in the running hour until nothing is pending."""
    hour = current_hour()
    reports = run_stages(Work(hour, "run", home), [embeddings.STAGE], 0, lambda _stage, _report: None)
    error = reports["atom_embeddings"].error
    if error is not None:
        raise error
    assert not wakes(home), "what is left would start a run again and again"
    return reports["atom_embeddings"].counts


def outcome(home: Resources, job_id: str) -> tuple[str, str | None, int | None]:
    job = get_job(home, job_id)
    assert job is not None
    return job["status"], job["result"], job["atomId"]


@pytest.mark.parametrize("keys", ["AtomId TenantId", "atomId tenantId", "ATOMID TENANTID", "atomid tenantid"])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_a_job_of_any_client_is_done_whatever_the_case_of_its_keys_and_id(
    home: Resources, client: Any, keys: str, case: Callable[[str], str]
) -> None:
    write(home.database, "once", hour=current_hour())
    atom_id = atom_of(client, "once")
    forget_jobs(client)
    names = keys.split()
    job_id = insert(client, json.dumps({names[0]: atom_id, names[1]: 0}), job_id=case(str(uuid.uuid4())))

    assert run(home)["embedded"] == 1

    assert outcome(home, case(job_id)) == ("Completed", None, atom_id)
    assert get_job(home, job_id.swapcase()) == get_job(home, job_id)
    assert len(rows(client, "SELECT 1 AS n FROM AtomEmbedding")) == 1


def test_a_second_job_beside_the_triggers_completes_as_already_done(home: Resources, client: Any) -> None:
    write(home.database, "once", "never before", hour=current_hour())
    atom_id = atom_of(client, "once")
    same_run = insert(client, json.dumps({"AtomId": atom_id, "TenantId": 0}))
    run(home)
    later = insert(client, json.dumps({"AtomId": atom_id, "TenantId": 0}))
    run(home)

    assert outcome(home, same_run) == ("Completed", "already embedded", atom_id)
    assert outcome(home, later) == ("Completed", "already embedded", atom_id)
    assert sorted(home.compute.texts) == ["never before", "once"]  # type: ignore[attr-defined]
    assert len(rows(client, "SELECT 1 AS n FROM AtomEmbedding")) == 2


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("{}", "its Parameters name no AtomId"),
        ('{"Atom": 1}', "its Parameters name no AtomId"),
        ("[1]", "its Parameters: not a JSON object"),
        ("null", "its Parameters: not a JSON object"),
        ('{"AtomId": null}', "its Parameters name no AtomId"),
        (
            '{"AtomId": 99999, "atomid": 99998}',
            "its Parameters: AtomId: it is given more than once, in several spellings",
        ),
        ('{"AtomId": 99999, "AtomId": 99998}', "its Parameters: a key is there twice in one object"),
        ('{"AtomId": true}', "tenant 0 has no atom true"),
        ('{"AtomId": 99999}', "tenant 0 has no atom 99999"),
        ('{"AtomId": "OTHER"}', 'tenant 0 has no atom "OTHER"'),
        ('{"AtomId": 9223372036854775808}', "tenant 0 has no atom 9223372036854775808"),
        ('{"AtomId": OF_TENANT_1}', "tenant 0 has no atom OF_TENANT_1"),
    ],
)
def test_a_job_that_names_no_atom_of_its_tenant_fails_and_says_so(
    home: Resources, client: Any, parameters: str, reason: str
) -> None:
    write(home.database, "theirs", tenant_id=1, hour=current_hour())
    theirs = str(atom_of(client, "theirs"))
    job_id = insert(client, parameters.replace("OF_TENANT_1", theirs))

    run(home)

    assert outcome(home, job_id) == ("Failed", reason.replace("OF_TENANT_1", theirs), None)
    assert dead_letters(home.database) == []


def test_a_job_that_is_tied_to_an_atom_of_another_tenant_fails(home: Resources, client: Any) -> None:
    write(home.database, "theirs", tenant_id=1, hour=current_hour())
    theirs = atom_of(client, "theirs")
    job_id = insert(client, "{}")
    client.cursor().execute("UPDATE BackgroundJob SET AtomId = ? WHERE Parameters = '{}'", (theirs,))
    client.commit()

    run(home)

    assert outcome(home, job_id)[:2] == ("Failed", "its Parameters name no AtomId")


def test_an_atom_of_an_hour_before_the_grid_is_done_in_the_running_hour(home: Resources, client: Any) -> None:
    write(home.database, "of long ago", hour="1970-01-01-00:00")

    assert wakes(home) == [current_hour()]
    assert run(home) == {"embedded": 1}
    assert rows(client, "SELECT IngestHour FROM AtomEmbedding") == [{"IngestHour": current_hour()}]


def test_a_job_whose_lease_somebody_else_never_gave_is_free(home: Resources, client: Any) -> None:
    write(home.database, "left in the middle", hour=current_hour())
    client.cursor().execute("UPDATE BackgroundJob SET Status = 'InProgress'")
    client.commit()

    assert run(home) == {"embedded": 1}


# ---- the three calls


def test_a_created_job_is_pending_and_then_done(home: Resources, client: Any) -> None:
    write(home.database, "once", hour=current_hour())
    forget_jobs(client)
    job_id = create_job(home, "GenerateEmbedding", json.dumps({"AtomId": atom_of(client, "once")}), 0)

    created = get_job(home, job_id)
    run(home)

    assert created is not None
    assert [created[name] for name in ("jobId", "status", "tenantId", "attemptCount")] == [job_id, "Pending", 0, 0]
    assert outcome(home, job_id)[0] == "Completed"


@pytest.mark.parametrize("parameters", ["", "x", "[]", "5", '"text"', "{" * 100_000])
def test_parameters_that_are_no_json_object_are_refused_at_once(home: Resources, parameters: str) -> None:
    with pytest.raises(Invalid, match="not a JSON object"):
        create_job(home, "GenerateEmbedding", parameters, 0)


@pytest.mark.parametrize(
    "parameters",
    [
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\ud800"}',
        '{"a": "\\ud800"}',
        '{"a": 1, "a": 2}',
        '{"a": ' + "[" * 100 + "]" * 100 + "}",
    ],
)
def test_parameters_that_not_every_store_holds_are_refused_at_once(home: Resources, parameters: str) -> None:
    with pytest.raises(Invalid, match=r"not a JSON object such as .*: "):
        create_job(home, "GenerateEmbedding", parameters, 0)


@pytest.mark.parametrize("job_type", ["", " ", "x" * 65, "Überwachung", "\udc80"])
def test_a_type_that_not_every_store_holds_is_refused_at_once(home: Resources, job_type: str) -> None:
    with pytest.raises(Invalid, match="1 to 64 ASCII characters"):
        create_job(home, job_type, "{}", 0)


def test_the_longest_type_is_kept_whole(home: Resources) -> None:
    job = get_job(home, create_job(home, "x" * 64, "{}", 0))

    assert job is not None
    assert job["jobType"] == "x" * 64


@pytest.mark.parametrize(
    ("status", "ended", "open_"),
    [("Pending", False, True), ("InProgress", False, False), ("Completed", True, False), ("Failed", True, False)],
)
def test_a_status_set_by_hand_holds(home: Resources, client: Any, status: Any, ended: bool, open_: bool) -> None:
    job_id = create_job(home, "GenerateEmbedding", "{}", 0)

    job = update_job_status(home, job_id.upper(), status, "by hand")

    assert job is not None
    assert (job["status"], job["result"], job["completedAt"] is not None) == (status, "by hand", ended)
    assert bool(wakes(home)) is open_


def test_a_job_dead_lettered_by_hand_has_a_dead_letter_until_it_is_something_else(home: Resources) -> None:
    job_id = create_job(home, "GenerateEmbedding", "{}", 0)
    update_job_status(home, job_id, "DeadLettered", "enough")
    [letter] = dead_letters(home.database)
    update_job_status(home, job_id, "Completed")

    assert (letter["jobId"], letter["reason"]) == (job_id, "enough")
    assert dead_letters(home.database) == []


def test_a_job_can_be_retried_by_its_id_in_either_case(home: Resources) -> None:
    job_id = create_job(home, "GenerateEmbedding", "{}", 0)
    update_job_status(home, job_id, "DeadLettered", "enough")

    retry_job(home, job_id.upper())

    assert outcome(home, job_id)[0] == "Pending"
    assert dead_letters(home.database) == []


def test_an_unknown_id_is_not_found_and_a_warning(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: messages.append(record.getMessage()))
    monkeypatch.setattr(logging.getLogger("hartonomous"), "handlers", [handler])

    for call in (get_job, partial(update_job_status, status="Completed")):
        with pytest.raises(NotFound, match=f"job {UNKNOWN} is not found"):
            call(home, UNKNOWN)

    assert messages == [f"Job not found: JobId={UNKNOWN}"] * 2


def test_another_tenants_job_is_not_found(home: Resources) -> None:
    job_id = create_job(home, "GenerateEmbedding", "{}", 5)

    for call in (get_job, partial(update_job_status, status="Completed"), retry_job):
        with pytest.raises(NotFound, match=f"job {job_id} is not found"):
            call(home, job_id, tenant=0)
    assert outcome(home, job_id)[0] == "Pending"


def test_a_job_and_its_dead_letter_are_changed_for_their_own_tenant_only(home: Resources) -> None:
    job_id = create_job(home, "GenerateEmbedding", "{}", 5)
    update_job_status(home, job_id, "DeadLettered", "enough")
    status = {"status": "Completed", "result": None, "lease_until": None, "now": timestamp()}

    with home.database.unit_of_work() as unit_of_work:
        changed = {
            tenant: [
                unit_of_work.execute("set_job_status", job_id=job_id, tenant_id=tenant, **status),
                unit_of_work.execute("delete_dead_letter_of_job", job_id=job_id, tenant_id=tenant),
            ]
            for tenant in (0, 5)
        }

    assert changed == {0: [0, 0], 5: [1, 1]}


def test_a_job_that_did_not_fail_is_not_retried(home: Resources) -> None:
    job_id = create_job(home, "GenerateEmbedding", "{}", 0)

    with pytest.raises(Conflict, match=f"job {job_id} did not fail: it is Pending"):
        retry_job(home, job_id)


def test_a_status_that_there_is_not_is_refused(home: Resources) -> None:
    with pytest.raises(Invalid, match="status: it should be 'Pending', 'InProgress'"):
        update_job_status(home, UNKNOWN, "Done")  # type: ignore[arg-type]


# ---- types that packages bring


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[..., str | None]]]:
    """Handlers by job type, to be filled."""
    registered: dict[str, Callable[..., str | None]] = {}
    monkeypatch.setattr("hartonomous_assets.handled_jobs.handled_job_types", lambda: sorted(registered))
    monkeypatch.setattr("hartonomous_resources.work.job_handlers.handled_job_types", lambda: sorted(registered))
    monkeypatch.setattr("hartonomous_assets.handled_jobs.job_handler", registered.__getitem__)
    yield registered


def test_a_job_of_another_type_is_done_by_its_handler(home: Resources, handlers: dict[str, Any]) -> None:
    given: list[tuple[Mapping[str, Any], int, Resources]] = []

    def note(parameters: Mapping[str, Any], tenant: int, resources: Resources) -> str:
        given.append((parameters, tenant, resources))
        return "noted"

    handlers["Note"] = note
    job_id = create_job(home, "Note", '{"Text": "x"}', 3)

    assert run(home) == {"handled": 1}

    assert outcome(home, job_id) == ("Completed", "noted", None)
    assert given == [({"Text": "x"}, 3, home)]


def test_a_handler_that_fails_five_times_is_given_up_with_its_reason(home: Resources, handlers: dict[str, Any]) -> None:
    def fail(*_: object) -> str:
        raise ValueError("no such printer")

    handlers["Print"] = fail
    job_id = create_job(home, "Print", "{}", 0)

    assert run(home) == {"failed attempts": 5, "dead-lettered": 1}

    assert outcome(home, job_id)[:2] == ("DeadLettered", "given up after 5 attempts: ValueError: no such printer")
    assert len(dead_letters(home.database)) == 1


def test_a_failed_attempt_says_of_which_class_it_was_and_quotes_no_password(
    home: Resources, handlers: dict[str, Any]
) -> None:
    handlers["Print"] = lambda *_: {}["token=abc for x"]
    job_id = create_job(home, "Print", "{}", 0)

    next(embeddings.steps(Work(current_hour(), "run", home)))

    assert outcome(home, job_id)[:2] == ("Pending", "KeyError: 'token=*** for x'")


def test_a_job_without_a_handler_waits_and_wakes_nobody(home: Resources, handlers: dict[str, Any]) -> None:
    job_id = create_job(home, "OfSomebodyElse", "{}", 0)

    assert run(home) == {}

    assert outcome(home, job_id)[0] == "Pending"


def test_embeddings_go_on_beside_jobs_of_other_types(home: Resources, handlers: dict[str, Any]) -> None:
    handlers["Note"] = lambda *_: None
    write(home.database, "a text", hour=current_hour())
    for _ in range(3):
        create_job(home, "Note", "{}", 0)

    assert run(home) == {"embedded": 1, "handled": 3}


def test_what_became_of_an_embedding_job_and_of_another_in_the_same_step_is_counted_together(
    home: Resources, handlers: dict[str, Any], client: Any
) -> None:
    handlers["Note"] = lambda *_: None
    for job_type in ("GenerateEmbedding", "Note"):
        create_job(home, job_type, "{}", 0)
    client.cursor().execute("UPDATE BackgroundJob SET Parameters = ? WHERE JobType = ?", ("[]", "Note"))
    client.commit()

    assert run(home) == {"refused": 2}


def test_handlers_are_found_by_the_entry_points_of_installed_packages(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "reports-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reports\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[hartonomous.job_handlers]\nSendReport = reports_for_a_test:send\nGenerateEmbedding = reports_for_a_test:send\n"
    )
    (tmp_path / "reports_for_a_test.py").write_text(
        "def send(parameters, tenant, resources):\n    return f'sent {parameters} {tenant}'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    job_handlers._registered.cache_clear()
    try:
        assert job_handlers.handled_job_types() == ["SendReport"]
        assert job_handlers.job_handler("SendReport")({"To": "x"}, 2, None) == "sent {'To': 'x'} 2"  # type: ignore[arg-type]
    finally:
        job_handlers._registered.cache_clear()
