"""``bronze reconcile`` with a tap that says what a test wants; the real ones: tests/pipeline."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.messages import as_input, record, schema, state
from tests.waiting import eventually, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.conftest import Load, Query

    Bronze = Callable[..., Result]
    Reconcile = Callable[..., "Outcome"]

TAP = """
import json, pathlib, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
asked = {"days": json.loads(pathlib.Path(arguments["--config"]).read_text()),
         "state": json.loads(pathlib.Path(arguments["--state"]).read_text())}
pathlib.Path("asked").write_text(json.dumps(asked))
sys.stdout.buffer.write(pathlib.Path("messages").read_bytes())
sys.exit(int(pathlib.Path("status").read_text()))
"""
SCHEMA = {"source": "x", "source_timestamp": {"pointer": "/at", "form": "rfc3339"},
          "deleted": "/gone", "volatile": ["/seen"]}  # fmt: skip
ROWS = """
    SELECT lineage_id, version, raw_data::text, source_timestamp::text, partition_key::text,
           metadata - 'time_extracted' FROM bronze_x ORDER BY 1, 2
"""


def users(**members: Any) -> dict[str, Any]:
    return schema(bronze={**SCHEMA, **members})


def entry(number: Any, day: str, **members: Any) -> dict[str, Any]:
    extracted = members.pop("extracted", "2025-06-01T00:00:00Z")
    return record(id=number, at=f"{day}T12:00:00Z", extracted=extracted, **members)


def later(number: Any, day: str, **members: Any) -> dict[str, Any]:
    return entry(number, day, extracted="2025-07-01T00:00:00Z", **members)


class Outcome:
    """How a comparison ended, and its streams by name."""

    def __init__(self, result: Result) -> None:
        """Read the report, if it is JSON."""
        self.status, self.said = result.exit_code, result.stderr
        self.report = json.loads(result.stdout) if result.stdout.startswith("{") else {}
        self.text = result.stdout

    def numbers(self, stream: str = "users") -> tuple[int, ...]:
        """Records of source and bronze; missing, changed and vanished ones."""
        (line,) = [s for s in self.report["streams"] if s["stream"] == stream]
        return tuple(line[n] for n in ("source", "bronze", "missing", "changed", "vanished"))

    def examples(self) -> dict[str, list[str]]:
        """lineage_ids by what became of them."""
        (line,) = self.report["streams"]
        found: dict[str, list[str]] = line["examples"]
        return found


@pytest.fixture
def reconcile(named: str, bronze: Bronze, tmp_path: Path) -> Reconcile:  # noqa: ARG001 - names it
    """Compare March 2024 with what a tap says."""
    (tmp_path / "tap.py").write_text(TAP)

    def run(
        *messages: Any, options: tuple[str, ...] = (), status: int = 0, source: str = "x"
    ) -> Outcome:
        Path("messages").write_bytes(as_input(*messages))
        Path("status").write_text(str(status))
        form = () if "--format" in options else ("--format", "json")
        days = ("--start", "2024-03-01", "--end", "2024-03-31")
        return Outcome(bronze("reconcile", source, *days, *form, "--tap", command(), *options))

    return run


def command() -> str:
    return f"{sys.executable} tap.py"


MARCH = [entry(n, f"2024-03-{n:02}", name=f"n{n}") for n in range(1, 29)]


def test_nothing_wrong_is_said_clearly(load: Load, reconcile: Reconcile, query: Query) -> None:
    load(users(), *MARCH, entry(50, "2024-04-20"), entry(51, "2023-01-01"))
    seen = [{**message, "record": message["record"] | {"seen": 9}} for message in MARCH]
    found = reconcile(users(), *seen, entry(60, "2024-04-01"), options=("--format", "text"))
    assert found.status == 0
    assert found.text.endswith(
        "Every head has its row.\nNothing is wrong: 28 records of 1 streams are in bronze as the "
        "source has them, and no others.\n"
    )
    asked = json.loads(Path("asked").read_text())
    assert asked == {"days": {"start_date": "2024-02-29", "end_date": "2024-04-01"}, "state": {}}
    assert query(
        "SELECT records_source, records_bronze, missing, changed, vanished, read_whole, fixed,"
        " ended_at IS NOT NULL, state IS NULL, first_day::text, last_day::text"
        " FROM bronze_ops.reconciliations"
    ) == [(28, 28, 0, 0, 0, True, False, True, True, "2024-03-01", "2024-03-31")]
    assert query("SELECT count(*) FROM bronze_ops.reconciled_records") == [0]


def test_missing_changed_and_vanished(load: Load, reconcile: Reconcile, query: Query) -> None:
    load(users(), *MARCH, entry(50, "2024-04-20"))
    now = [*MARCH[2:], later(2, "2024-03-02", name="other"), later(99, "2024-03-31", name="new")]
    found = reconcile(users(), *now)
    assert (found.status, found.numbers()) == (1, (28, 28, 1, 1, 1))
    assert found.examples() == {
        "missing": ["x/main/users/99"],
        "changed": ["x/main/users/2"],
        "vanished": ["x/main/users/1"],
    }
    assert query("SELECT count(*) FROM bronze_x") == [29]
    text = reconcile(users(), *now, options=("--format", "text")).text
    assert "missing: x/main/users/99\n" in text
    assert text.endswith(
        "3 differences are left. --fix loads what is missing or changed; --fix --deletions marks "
        "what vanished as deleted.\n"
    )


def test_fix_loads_and_deletions_bury(load: Load, reconcile: Reconcile, query: Query) -> None:
    load(users(), *MARCH)
    now = [*MARCH[2:], later(2, "2024-03-02", name="other"), later(99, "2024-03-31", name="new")]
    found = reconcile(users(), *now, options=("--fix",))
    assert (found.status, found.numbers()) == (1, (28, 28, 1, 1, 1))
    assert query(
        "SELECT lineage_id, version FROM bronze_x WHERE lineage_id ~ '/(2|99|1)$' ORDER BY 1, 2"
    ) == [("x/main/users/1", 1), ("x/main/users/2", 1), ("x/main/users/2", 2),
          ("x/main/users/99", 1)]  # fmt: skip
    assert query("SELECT fixed FROM bronze_ops.reconciliations ORDER BY id") == [True]
    found = reconcile(users(), *now, options=("--fix", "--deletions"))
    assert (found.status, found.numbers()) == (0, (28, 29, 0, 0, 1))
    assert found.report["streams"][0]["buried"] == 1
    assert query(
        "SELECT version, metadata->>'deleted_by', processing_steps::text, source_timestamp::text"
        " FROM bronze_x WHERE metadata ? 'deleted'"
    ) == [(2, "sweep", '["sweep"]', "2024-03-01 12:00:00")]
    assert query("SELECT count(*) FROM bronze_x_latest") == [28]
    assert reconcile(users(), *now).status == 0
    living = entry(1, "2024-03-01", name="n1", extracted="2125-01-01T00:00:00Z")
    found = reconcile(users(), *now, living, options=("--fix",))
    assert (found.status, found.numbers()) == (0, (29, 28, 0, 1, 0))
    assert query("SELECT max(version) FROM bronze_x WHERE lineage_id ~ '/1$'") == [3]


def test_a_month_that_was_deleted_by_hand_comes_back(
    load: Load, reconcile: Reconcile, bronze: Bronze, query: Query
) -> None:
    """With its version numbers, also where the first version is of the same month, or another."""
    history = [
        users(), *MARCH, entry(50, "2024-04-20"), entry(70, "2024-02-01", name="moved"),
        later(5, "2024-03-05", name="second"), later(70, "2024-03-07", name="here now"),
        later(6, "2024-03-06", name="b"), later(6, "2024-03-06", name="n6"),
    ]  # fmt: skip
    load(*history)
    before = query(ROWS)
    latest = query("SELECT raw_data::text FROM bronze_x_latest ORDER BY lineage_id")
    query("DELETE FROM bronze_x WHERE partition_key BETWEEN '2024-03-01' AND '2024-03-31'")
    now = [*(m for m in MARCH if m["record"]["id"] not in {5, 6}),
           later(5, "2024-03-05", name="second"), later(70, "2024-03-07", name="here now"),
           later(6, "2024-03-06", name="n6")]  # fmt: skip
    found = reconcile(users(), *now)
    assert (found.status, found.numbers()) == (1, (29, 0, 29, 0, 0))
    assert found.report["heads_without_row"] == {"2024-03": 29}
    text = reconcile(users(), *now, options=("--format", "text")).text
    assert "29 heads have no row: 2024-03 (29)." in text
    found = reconcile(users(), *now, options=("--fix",))
    assert (found.status, found.report["heads_mended"]) == (0, 29)
    assert query("SELECT raw_data::text FROM bronze_x_latest ORDER BY lineage_id") == latest
    # What the source knows no more are versions before the newest.
    lost = {("x/main/users/5", 1), ("x/main/users/6", 1), ("x/main/users/6", 2)}
    assert query(ROWS) == [row for row in before if row[:2] not in lost]
    assert bronze("rebuild-heads").stdout.endswith("was right: nothing was changed\n")
    assert reconcile(users(), *now).status == 0


def test_heads_without_rows_are_found_whatever_the_days(
    load: Load, reconcile: Reconcile, query: Query
) -> None:
    load(users(), *MARCH, entry(50, "2024-04-20", name="x"))
    query("DELETE FROM bronze_x WHERE partition_key = '2024-04-20'")
    found = reconcile(users(), *MARCH)
    assert (found.status, found.numbers()) == (1, (28, 28, 0, 0, 0))
    assert found.report["heads_without_row"] == {"2024-04": 1}
    assert reconcile(users(), *MARCH, options=("--fix",)).report["heads_mended"] == 1
    load(users(), entry(50, "2024-04-20", name="x"))  # the next load brings it
    assert query("SELECT version, raw_data->>'name' FROM bronze_x WHERE raw_id = '50'") == [
        (1, "x")
    ]
    check_counts(query)


def check_counts(query: Query) -> None:
    assert query("SELECT rows = (SELECT count(*) FROM bronze_x) FROM bronze_ops.streams") == [True]


def test_tombstones(load: Load, reconcile: Reconcile) -> None:
    load(users(), entry(1, "2024-03-01"), entry(2, "2024-03-02", gone="2024-04-01"),
         entry(3, "2024-03-03"))  # fmt: skip
    found = reconcile(
        users(),
        later(1, "2024-03-01", gone="2024-04-01"),
        *(later(n, "2024-03-02", gone="2024-04-01") for n in (2, 4)),
        entry(3, "2024-03-03"),
    )
    assert found.numbers() == (4, 2, 1, 1, 0)  # 4 is missing: it was there, and is gone


def test_edges_of_days_and_records_without_a_time(load: Load, reconcile: Reconcile) -> None:
    edges = [
        record(id=1, at="2024-02-29T23:59:59.999999Z"), record(id=2, at="2024-03-01T00:00:00Z"),
        record(id=3, at="2024-03-31T23:59:59.999999Z"), record(id=4, at="2024-04-01T00:00:00Z"),
        record(id=5, at=None), record(id=6),
    ]  # fmt: skip
    load(users(), *edges)
    assert reconcile(users(), *edges).numbers() == (4, 4, 0, 0, 0)
    assert reconcile(users(), edges[0]).numbers() == (0, 4, 0, 0, 4)


def test_a_record_that_was_moved_to_other_days_has_changed(
    load: Load, reconcile: Reconcile
) -> None:
    load(users(), entry(1, "2024-03-31"), entry(2, "2024-03-02"))
    found = reconcile(users(), later(1, "2024-04-01"), entry(2, "2024-03-02"))
    assert found.numbers() == (2, 2, 0, 1, 0)


def test_a_full_table_is_compared_whole(load: Load, reconcile: Reconcile) -> None:
    def versioned(number: int, version: int, **members: Any) -> dict[str, Any]:
        return {**entry(number, "2020-01-01", **members), "version": version}

    end = {"type": "ACTIVATE_VERSION", "stream": "users", "version": 1}
    load(users(), *(versioned(n, 1) for n in (1, 2, 3)), end)
    now = [versioned(1, 2), versioned(2, 2, name="new")]
    cut = reconcile(users(), *now)
    assert (cut.status, cut.numbers(), cut.report["whole"]) == (1, (2, 3, 0, 1, 0), False)
    found = reconcile(users(), *now, {**end, "version": 2})
    assert (found.status, found.numbers()) == (1, (2, 3, 0, 1, 1))


def test_what_was_loaded_meanwhile_has_not_vanished(load: Load, reconcile: Reconcile) -> None:
    load(users(), *MARCH, entry(30, "2024-03-30", extracted="2125-01-01T00:00:00Z"))
    assert reconcile(users(), *MARCH).numbers() == (28, 29, 0, 0, 0)


def test_an_empty_answer_buries_nothing(load: Load, reconcile: Reconcile, query: Query) -> None:
    load(users(), *MARCH)
    found = reconcile(users(), options=("--fix", "--deletions"))
    assert (found.status, found.numbers()) == (1, (0, 28, 0, 0, 28))
    assert "rather means trouble there" in found.report["streams"][0]["note"]
    assert query("SELECT count(*) FROM bronze_x WHERE metadata ? 'deleted'") == [0]


def test_records_that_cannot_land_or_have_no_key(load: Load, reconcile: Reconcile) -> None:
    odd = [
        b'{"type":"RECORD","stream":"users","record":{"id":1,"n":NaN,"at":"2024-03-01"}}\n',
        b'{"type":"RECORD","stream":"users","record":{"id":2,"n":"a\\u0000b","at":"2024-03-01T00:00:00Z"}}\n',
        record(name="keyless", at="2024-03-02T00:00:00Z"),
    ]
    load(users(), *odd, *MARCH[2:])
    assert reconcile(users(), *odd, *MARCH[2:]).numbers() == (28, 28, 0, 0, 0)


def test_a_spent_quota_and_going_on(load: Load, reconcile: Reconcile, query: Query) -> None:
    """A STATE as Garmin's tap leaves it: next_day while days are to come, last_day at the end."""
    ours = schema(bronze={**SCHEMA, "source": "garmin"})
    load(ours, *MARCH)

    open_mark = state({"bookmarks": {"users": {"next_day": "2024-03-16"}}})
    end_mark = state({"bookmarks": {"users": {"last_day": "2024-04-01"}}})
    missing = later(31, "2024-03-10", name="new")
    first = reconcile(ours, *MARCH[:15], missing, open_mark, source="garmin")
    assert (first.status, first.report["whole"]) == (1, False)
    assert first.numbers() == (16, 28, 1, 0, 0)
    assert query("SELECT ended_at IS NULL, state FROM bronze_ops.reconciliations") == [
        (True, json.dumps(open_mark["value"], separators=(", ", ": ")))
    ]
    second = reconcile(ours, *MARCH[15:27], end_mark, source="garmin")
    assert json.loads(Path("asked").read_text())["state"] == open_mark["value"]
    assert "Going on with the comparison of" in second.said
    assert (second.status, second.numbers()) == (1, (28, 28, 1, 0, 1))
    assert query("SELECT count(*) FROM bronze_ops.reconciliations WHERE ended_at IS NULL") == [0]
    assert query("SELECT count(*) FROM bronze_ops.reconciled_records") == [0]
    reconcile(ours, *MARCH, end_mark, source="garmin")
    assert json.loads(Path("asked").read_text())["state"] == {}


def test_the_loaders_role_is_enough(  # noqa: PLR0913, PLR0917 - fixtures
    load: Load, reconcile: Reconcile, bronze: Bronze, named: str, query: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    load(users(), *MARCH)
    assert bronze("db", "migrate", "--roles").exit_code == 0
    role = f"loader_{uuid.uuid4().hex}"
    query(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' IN ROLE bronze_loader")
    query("DELETE FROM bronze_x WHERE raw_id = '5'")
    as_role = psycopg.conninfo.make_conninfo(named, user=role, password="secret")
    monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", as_role)
    found = reconcile(users(), *MARCH[:-1], options=("--fix", "--deletions"))
    assert (found.status, found.numbers()) == (0, (27, 27, 1, 0, 1)), found.said
    query(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_comparison_begun_afresh_is_not_gone_back_to(
    load: Load, reconcile: Reconcile, query: Query
) -> None:
    ours = schema(bronze={**SCHEMA, "source": "garmin"})
    load(ours, *MARCH)
    mark = state({"bookmarks": {"users": {"next_day": "2024-03-16"}}})
    reconcile(ours, *MARCH[:15], mark, source="garmin")
    end = state({"bookmarks": {"users": {"last_day": "2024-04-01"}}})
    found = reconcile(ours, *MARCH, end, source="garmin", options=("--afresh",))
    assert (found.status, found.report["whole"]) == (0, True)
    assert query("SELECT count(*) FROM bronze_ops.reconciliations") == [1]
    assert "Going on" not in reconcile(ours, *MARCH, end, source="garmin").said


def test_wrong_usage(bronze: Bronze, load: Load, reconcile: Reconcile) -> None:
    load(users(), *MARCH)
    for args, line in {
        ("x",): "Missing option '--start'",
        ("x", "--start", "yesterday"): "'yesterday' is no day such as 2024-01-31",
        ("x", "--start", "2024-02-30"): "'2024-02-30' is no day such as 2024-01-31",
        ("x", "--start", "2024-02-02", "--end", "2024-02-01"): "is after --end",
        ("x", "--start", "2024-02-02", "--deletions"): "--deletions goes with --fix",
    }.items():
        done = bronze("reconcile", *args)
        assert done.exit_code == 2
        assert line in done.stderr
    done = bronze("reconcile", "toggl", "--start", "2024-01-01")
    assert done.exit_code == 1
    assert done.stderr == "Error: nothing was loaded from a source 'toggl'; known are: x\n"
    assert reconcile(options=("--fix",)).status == 3


def test_taps_that_fail(load: Load, reconcile: Reconcile, bronze: Bronze, query: Query) -> None:
    load(users(), *MARCH)
    days = ("reconcile", "x", "--start", "2024-03-01", "--end", "2024-03-31")
    failed = reconcile(status=5)
    assert failed.status == 1
    assert failed.said.splitlines()[-1] == (
        f"Error: {command()} ended with status 5: its own lines say why"
    )
    failed = reconcile(users(), *MARCH[:-1], status=1)
    assert (failed.status, failed.numbers(), failed.report["whole"]) == (
        3,
        (27, 28, 0, 0, 0),
        False,
    )
    assert "ended with status 1: its own lines say why; what was read is kept" in failed.said
    assert query("SELECT count(*) FROM bronze_ops.reconciliations") == [0]
    missing = bronze(*days, "--tap", "no-such-program")
    assert missing.exit_code == 1
    assert "no-such-program cannot be started: No such file" in missing.stderr
    assert "no command line" in bronze(*days, "--tap", "'").stderr
    assert "no JSON object" in reconcile(b"Hello\n").said
    assert "before its SCHEMA" in reconcile(MARCH[0]).said
    batch = {"type": "BATCH", "stream": "users", "encoding": {}, "manifest": []}
    assert "BATCH files" in reconcile(users(), batch).said


def test_stream_maps_cannot_be_compared(
    load: Load, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(users(), *MARCH)
    monkeypatch.setenv("TARGET_BRONZE_POSTGRES_STREAM_MAPS", '{"users": {"name": "id"}}')
    found = reconcile(users(), *MARCH)
    assert found.status == 1
    assert "stream_maps of the target change records on their way" in found.said


def test_cost_of_a_source_that_is_not_known(load: Load, reconcile: Reconcile) -> None:
    load(users(), *MARCH)
    found = reconcile(options=("--cost",))
    assert found.status == 0
    assert found.said == (
        f"{command()} reads 2024-02-29 to 2024-04-01; what that costs is not known for this "
        "source.\n"
    )
    assert not Path("asked").exists()


@pytest.mark.parametrize("moment", ["reading", "fixing"])
def test_a_kill_and_the_next_try(  # noqa: PLR0913, PLR0917 - fixtures
    load: Load, reconcile: Reconcile, named: str, query: Query, moment: str,
    command: tuple[str, ...], bronze: Bronze,
) -> None:  # fmt: skip
    load(users(), *MARCH, entry(50, "2024-04-20"))
    before = query(ROWS)
    query("DELETE FROM bronze_x WHERE partition_key BETWEEN '2024-03-01' AND '2024-03-31'")
    Path("messages").write_bytes(as_input(users(), *MARCH, state({})))
    Path("status").write_text("0")
    with psycopg.connect(named) as conn:
        if moment == "reading":
            conn.execute("LOCK TABLE bronze_ops.reconciled_records")
        else:  # heads are mended, and the loader waits for its batch
            conn.execute("LOCK TABLE bronze_x IN SHARE MODE")
        process = subprocess.Popen(
            [*command, "reconcile", "x", "--start", "2024-03-01", "--end", "2024-03-31", "--fix",
             "--tap", f"{sys.executable} tap.py"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(lambda: waiting(query))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    eventually(lambda: not waiting(query))
    found = reconcile(users(), *MARCH, options=("--fix",))
    assert found.status == 0
    assert query(ROWS) == before
    assert bronze("rebuild-heads").stdout.endswith("was right: nothing was changed\n")
