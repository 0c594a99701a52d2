"""Backups and the way back: equal row for row, noticed damage, kills, rights, older servers."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import tarfile
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import zstandard
from psycopg import sql

from target_bronze_postgres.db import migrations
from target_bronze_postgres.embedded import EmbeddedServer
from target_bronze_postgres.errors import BackupError
from target_bronze_postgres.ops.backup.dump import check
from target_bronze_postgres.ops.backup.encryption import BODY, KEY
from tests.messages import record, schema
from tests.peak_memory import run
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

    from tests.conftest import Load, Query

    Bronze = Callable[..., Result]

TABLES = """
    SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v')
    ORDER BY 1, 2
"""
# What has to be the same beside the rows: columns, indexes, constraints, rights, sequences.
SHAPES = {
    "columns": """
        SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,
               attcompression, attacl::text
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND attnum > 0
          AND relkind IN ('r', 'p', 'v') ORDER BY 1, attnum""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname !~ '^pg_' ORDER BY 1",
    "constraints": """
        SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace::regnamespace::text !~ '^(pg_|information_schema)' AND contype <> 'n'
        ORDER BY 1, 2, 3""",
    "rights": """
        SELECT oid::regclass::text, ARRAY(SELECT unnest(relacl)::text ORDER BY 1) FROM pg_class
        WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
          AND relkind IN ('r', 'p', 'v', 'S') ORDER BY 1""",
    "sequences": """
        SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2""",
    "functions": """
        SELECT proname, prosrc, proacl::text FROM pg_proc
        WHERE pronamespace = to_regnamespace('bronze_ops') ORDER BY 1""",
}
ODD = "a\tb\\c\nd\r\u2028\U0001f600 'quoted' \"double\" \\N \\."


def everything(dsn: str) -> dict[str, Any]:
    """Return every row of every table and view, all columns, and the tables' shapes."""
    found: dict[str, Any] = {}
    with psycopg.connect(dsn, options="-c timezone=UTC -c datestyle=ISO") as conn:
        for name in conn.execute(TABLES).fetchall():
            query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(*name))
            if name[1] != "schema_version":  # it tells when the tables were made here
                found[".".join(name)] = [text for (text,) in conn.execute(query)]
        for what, shape in SHAPES.items():
            found[what] = conn.execute(shape.encode()).fetchall()
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in one of them alone, by its name."""
    return {
        name: (
            _without(one.get(name), other.get(name)),
            _without(other.get(name), one.get(name)),
        )
        for name in one | other
        if one.get(name) != other.get(name)
    }


def _without(some: Any, others: Any) -> list[Any]:
    return [row for row in some or [] if row not in (others or [])]


def drop_everything(dsn: str) -> None:
    """Drop what the bronze layer consists of."""
    with psycopg.connect(dsn) as conn:
        conn.execute("DROP SCHEMA bronze_ops CASCADE")
        names = conn.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^bronze_' AND relkind = 'p'"
        )
        for (name,) in names.fetchall():
            conn.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def filled(load: Load, named: str) -> str:
    """A database with all that a bronze layer can hold: versions, tombstones, letters, odd text."""
    load(
        schema(bronze={"source": "x", "source_timestamp": {"pointer": "/at", "form": "rfc3339"},
                       "deleted": "/gone", "parameters": {"odd": ODD}}),
        *(record(id=n, at=f"202{n % 5}-0{n % 9 + 1}-28T23:59:59.123456Z", name=ODD,
                 extracted=f"2025-01-01T00:00:{n:02}.000001Z") for n in range(40)),
        record(id=1, name="changed", at="2021-02-01T00:00:00Z", extracted="2025-01-02T00:00:00Z"),
        record(id=1, name="late", at=None, extracted="2024-01-02T00:00:00Z"),
        record(id=2, gone="2025-01-02", extracted="2025-01-03T00:00:00Z"),
        record(id="no number", at="9999-12-31T00:00:00Z", size=10**40, nested=[[{"": None}]]),
        record(id=None, name="keyless"),
        b'{"type":"RECORD","stream":"users","record":{"id":77,"name":"a\\u0000b","at":null}}\n',
        b'{"type":"RECORD","stream":"users","record":{"id":78,"n":NaN}}\n',
        {"type": "STATE", "value": {"bookmarks": {"users": {"at": ODD}}}},
    )  # fmt: skip
    load(schema("others"), record("others", id=1), source='Ü "y"', raw_index="none", account="a/b")
    with psycopg.connect(named, autocommit=True) as conn:
        migrations.create_roles(conn)
    return named


def test_all_is_equal_after_everything_was_dropped(
    filled: str, bronze: Bronze, tmp_path: Path
) -> None:
    before = everything(filled)
    done = bronze("backup", "one.tar.zst")
    assert done.exit_code == 0, done.output
    rows = sum(
        len(v) for k, v in before.items() if "." in k and not re.search("_latest|_y2...m", k)
    )
    assert done.stdout.splitlines()[-1].startswith(f"one.tar.zst: {rows} rows, ")
    assert done.stdout.splitlines()[-1].endswith(" bytes, read back and found whole")
    assert (tmp_path / "one.tar.zst").stat().st_mode & 0o777 == 0o600
    drop_everything(filled)
    done = bronze("restore", "one.tar.zst")
    assert done.exit_code == 0, done.output
    assert f"{rows} rows restored, equal to one.tar.zst row by row" in done.stdout
    assert differences(everything(filled), before) == {}


def test_loading_goes_on_where_it_was(
    filled: str, load: Load, bronze: Bronze, query: Query
) -> None:
    again = (schema(), record(id=3, name="new"), record(id=100, name="more"))
    bronze("backup", "one.tar.zst")
    load(*again)
    wanted = query("SELECT lineage_id, version, raw_data::text FROM bronze_x ORDER BY 1, 2")
    top = query("SELECT max(id) FROM bronze_x")
    drop_everything(filled)
    bronze("restore", "one.tar.zst")
    load(*again)
    assert query("SELECT lineage_id, version, raw_data::text FROM bronze_x ORDER BY 1, 2") == wanted
    assert query("SELECT max(id) FROM bronze_x") == top
    assert bronze("rebuild-heads").stdout.count("every head and every counter was right") == 2


def test_a_passphrase(
    filled: str, bronze: Bronze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(filled)
    (tmp_path / "secret").write_text("correct horse\nsecond line")
    done = bronze("backup", "one.tar", "--passphrase-file", "secret")
    assert "bytes, encrypted, read back and found whole" in done.stdout
    content = (tmp_path / "one.tar").read_bytes()
    assert b"manifest" not in content
    assert b"lineage" not in content
    with tarfile.open("one.tar") as outer:  # what `age -d -i key.age` needs
        assert [member.name for member in outer] == [KEY, BODY]
    monkeypatch.setenv("BRONZE_BACKUP_PASSPHRASE", "wrong")
    refused = bronze("restore", "one.tar")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: the passphrase is not that of the backup, or the backup is damaged: nothing was "
        "changed\n"
    )
    drop_everything(filled)
    monkeypatch.setenv("BRONZE_BACKUP_PASSPHRASE", "correct horse")
    assert bronze("restore", "one.tar").exit_code == 0
    assert differences(everything(filled), before) == {}
    monkeypatch.delenv("BRONZE_BACKUP_PASSPHRASE")
    for place in (50, 700, len(content) // 2, len(content) - 1):  # each may take a second
        flipped = bytearray(content)
        flipped[place] ^= 4
        (tmp_path / "flipped.tar").write_bytes(flipped)
        refused = bronze("restore", "--check", "flipped.tar", "--passphrase-file", "secret")
        assert refused.exit_code == 1, place
        assert "damaged" in refused.stderr, place


@pytest.mark.parametrize("program", [["backup", "x", "--encrypt"]])
@pytest.mark.usefixtures("filled")
def test_a_passphrase_is_asked_for(program: list[str], tmp_path: Path) -> None:
    from click.testing import CliRunner  # noqa: PLC0415 - with an input, unlike the fixture

    from target_bronze_postgres.ops.cli import main  # noqa: PLC0415

    assert CliRunner().invoke(main, program, input="geheim\ngeheim\n").exit_code == 0
    assert (tmp_path / "x").read_bytes().startswith(KEY.encode())
    asked = CliRunner().invoke(main, ["restore", "--check", "x"], input="geheim\n")
    assert asked.exit_code == 0
    assert "geheim" not in asked.output
    (tmp_path / "empty").write_text("\nsecret")
    wrong = CliRunner().invoke(main, ["restore", "x", "--passphrase-file", "empty"])
    assert "the first line of empty is empty: write the passphrase there" in wrong.stderr


def test_a_flipped_byte_is_noticed_wherever_it_is(filled: str, bronze: Bronze) -> None:
    bronze("backup", "one.tar.zst")
    content = Path("one.tar.zst").read_bytes()
    for place in {
        *range(0, len(content), 997),
        *range(20),
        *range(len(content) - 45, len(content)),
    }:
        flipped = bytearray(content)
        flipped[place] ^= 1
        with pytest.raises(BackupError, match="damaged"):
            check(io.BytesIO(flipped), "it")
    Path("flipped").write_bytes(bytes(flipped))
    drop_everything(filled)
    before = everything(filled)
    refused = bronze("restore", "flipped")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: flipped is damaged or no backup (")
    assert differences(everything(filled), before) == {}


@pytest.mark.parametrize("size", [0, 1, 39, 40, 500, -1, -40, -3000])
@pytest.mark.usefixtures("filled")
def test_a_cut_file_is_noticed(bronze: Bronze, size: int) -> None:
    bronze("backup", "one.tar.zst")
    with pytest.raises(BackupError, match="is damaged or no backup"):
        check(io.BytesIO(Path("one.tar.zst").read_bytes()[:size]), "it")


@pytest.mark.usefixtures("query")
def test_standard_tools_read_it(filled: str, bronze: Bronze) -> None:
    bronze("backup", "one.tar.zst")
    plain = (
        zstandard.ZstdDecompressor().decompressobj().decompress(Path("one.tar.zst").read_bytes())
    )
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        tar.extractall("out", filter="data")
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd="out", check=False)
    assert done.returncode == 0
    manifest = json.loads(Path("out/manifest.json").read_text())
    (columns,) = [t["columns"] for t in manifest["tables"] if t["name"] == "bronze_x"]
    rows = Path("out/data/public.bronze_x/000001").read_bytes()
    with psycopg.connect(filled) as conn:
        conn.execute("CREATE TEMPORARY TABLE copied (LIKE bronze_x)")
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        with conn.cursor().copy(sql.SQL("COPY copied ({}) FROM STDIN").format(names)) as copy:
            copy.write(rows)
        missing = conn.execute("SELECT count(*) FROM (TABLE bronze_x EXCEPT TABLE copied) AS t")
        assert missing.fetchone() == (0,)


def test_a_database_with_rows_is_refused(filled: str, bronze: Bronze) -> None:
    bronze("backup", "one.tar.zst")
    before = everything(filled)
    refused = bronze("restore", "one.tar.zst")
    assert refused.exit_code == 1
    assert "is not empty" in refused.stderr
    assert "createdb NEW" in refused.stderr
    assert differences(everything(filled), before) == {}


def test_tables_without_rows_are_no_hindrance(
    filled: str, bronze: Bronze, other_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(filled)
    bronze("backup", "one.tar.zst")
    monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", other_database)
    assert bronze("db", "migrate").exit_code == 0
    assert bronze("restore", "one.tar.zst").exit_code == 0
    assert differences(everything(other_database), before) == {}


@pytest.mark.usefixtures("named")
def test_nothing_to_back_up(bronze: Bronze) -> None:
    done = bronze("backup", "one.tar.zst")
    assert done.exit_code == 1
    assert done.stderr == "Error: there are no bronze tables yet: nothing to back up\n"
    assert list(Path().glob("*.tar.zst*")) == []


@pytest.mark.usefixtures("filled")
def test_a_folder_keeps_the_newest(bronze: Bronze) -> None:
    folder = Path("backups")
    folder.mkdir()
    for name in ("bronze-20200101T000000Z.tar.zst", "bronze-20210101T000000Z.tar", "mine.tar.zst"):
        (folder / name).touch()
    done = bronze("backup", "backups", "--keep", "2")
    assert done.exit_code == 0, done.output
    assert "bronze-20200101T000000Z.tar.zst: removed, 2 are kept" in done.stdout
    kept = sorted(path.name for path in folder.iterdir())
    assert len(kept) == 3
    assert kept[0] == "bronze-20210101T000000Z.tar"
    assert kept[2] == "mine.tar.zst"
    assert bronze("restore", "--check", str(folder / kept[1])).stdout.endswith(" rows, whole\n")
    assert bronze("backup", "new/").exit_code == 0
    assert len(list(Path("new").iterdir())) == 1


def test_an_old_backup_stays_until_the_new_one_is_whole(filled: str, bronze: Bronze) -> None:
    place = Path("one.tar.zst")
    place.write_bytes(b"old")
    Path("one.tar.zst.partial").write_bytes(b"left by a kill" * 1000)
    with psycopg.connect(filled) as conn:
        conn.execute("ALTER TABLE bronze_ops.sources RENAME COLUMN raw_index TO gone")
    assert bronze("backup", "one.tar.zst").exit_code == 1
    assert place.read_bytes() == b"old"
    with psycopg.connect(filled) as conn:
        conn.execute("ALTER TABLE bronze_ops.sources RENAME COLUMN gone TO raw_index")
    assert bronze("backup", "one.tar.zst").exit_code == 0
    assert check(io.BytesIO(place.read_bytes()), "it").whole.rows > 0
    assert not Path("one.tar.zst.partial").exists()


@pytest.mark.usefixtures("filled")
def test_one_writes_at_a_time(bronze: Bronze) -> None:
    import fcntl  # noqa: PLC0415 - here alone

    with Path("one.partial").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = bronze("backup", "one")
    assert refused.exit_code == 1
    assert refused.stderr == ("Error: another process writes one.partial: wait for it, or end it\n")


@pytest.mark.usefixtures("filled")
def test_a_place_that_cannot_be_written(bronze: Bronze) -> None:
    refused = bronze("backup", "no/such/folder/x")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: no/such/folder/x.partial cannot be used: No such file or directory: mend that, or "
        "name another file\n"
    )


@pytest.mark.parametrize("change", ["format", "schema"])
def test_a_backup_of_a_newer_program(filled: str, bronze: Bronze, change: str) -> None:
    bronze("backup", "one.tar.zst")
    rewrite("one.tar.zst", lambda manifest: manifest | {change: 99})
    drop_everything(filled)
    refused = bronze("restore", "one.tar.zst")
    assert refused.exit_code == 1
    assert "99, this program knows" in refused.stderr
    assert refused.stderr.endswith("upgrade target-bronze-postgres\n")


def rewrite(path: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write a backup anew, sound, with another manifest."""
    from target_bronze_postgres.ops.backup import archive  # noqa: PLC0415

    content = Path(path).read_bytes()
    with Path(path).open("wb") as file, archive.ArchiveWriter(file) as writer:
        for name, member in archive.members(io.BytesIO(content)):
            if name == "manifest.json":
                member = json.dumps(change(json.loads(member))).encode()  # noqa: PLW2901
            writer.add(name, member)


def test_rows_that_came_back_otherwise_are_not_committed(filled: str, bronze: Bronze) -> None:
    """A trigger stands for whatever a server might do to rows."""
    bronze("backup", "one.tar.zst")
    drop_everything(filled)
    event = """
        CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.times := NEW.times + 1; RETURN NEW; END $$;
        CREATE FUNCTION public.spoil_table() RETURNS event_trigger LANGUAGE plpgsql AS
            $$ BEGIN IF to_regclass('bronze_ops.dead_letters') IS NOT NULL AND NOT EXISTS (
                SELECT FROM pg_trigger WHERE tgname = 'spoil') THEN
            CREATE TRIGGER spoil BEFORE INSERT ON bronze_ops.dead_letters
                FOR EACH ROW EXECUTE FUNCTION public.spoil(); END IF; END $$;
        CREATE EVENT TRIGGER spoil_tables ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
            EXECUTE FUNCTION public.spoil_table();
    """
    with psycopg.connect(filled) as conn:
        conn.execute(event)
    before = everything(filled)
    refused = bronze("restore", "one.tar.zst")
    assert refused.exit_code == 1
    assert "bronze_ops.dead_letters is not equal to the backup" in refused.stderr
    assert differences(everything(filled), before) == {}


@pytest.mark.usefixtures("server")
def test_rights_and_roles_come_back(filled: str, bronze: Bronze) -> None:
    here, gone = (f'dash "{uuid.uuid4().hex}' for _ in range(2))
    with ExitStack() as stack, psycopg.connect(filled, autocommit=True) as conn:
        for role in (here, gone):
            name = sql.Identifier(role)
            conn.execute(sql.SQL("CREATE ROLE {}").format(name))
            for right in (
                "GRANT bronze_reader TO {}",
                "GRANT SELECT ON bronze_x TO {} WITH GRANT OPTION",
                "GRANT SELECT (id, raw_data) ON bronze_x_latest TO {}",
                "GRANT UPDATE ON SEQUENCE bronze_x_id_seq TO {}",
            ):
                conn.execute(sql.SQL(right).format(name))
        stack.callback(drop_role, filled, here)
        before = everything(filled)
        bronze("backup", "one.tar.zst")
        drop_role(filled, gone)
        drop_everything(filled)
        done = bronze("restore", "one.tar.zst")
        assert done.exit_code == 0, done.output
        assert f"note: role {gone} had rights and is not here" in done.stdout
        rights = everything(filled)["rights"]
        assert [
            (table, [acl for acl in acls or () if gone.replace('"', '""') not in acl])
            for table, acls in before["rights"]
        ] == [(table, acls or []) for table, acls in rights]
        members = conn.execute(
            "SELECT pg_has_role(%s, 'bronze_reader', 'MEMBER')", (here,)
        ).fetchone()
        assert members == (True,)


def drop_role(dsn: str, role: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        for statement in ("DROP OWNED BY {}", "DROP ROLE {}"):
            conn.execute(sql.SQL(statement).format(sql.Identifier(role)))


@pytest.fixture
def start(command: tuple[str, ...]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start ``bronze`` as a process."""
    with ExitStack() as stack:

        def run(*args: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [*command, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield run


def is_waiting(dsn: str) -> Callable[[], bool]:
    """Tell whether ``bronze`` waits for a lock in this database."""

    def ask() -> bool:
        with psycopg.connect(dsn) as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
                " application_name = 'bronze' AND wait_event_type = 'Lock'"
            ).fetchone()
        return bool(row and row[0])

    return ask


def test_a_kill_in_the_middle_of_a_backup(
    filled: str, bronze: Bronze, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    before = everything(filled)
    with psycopg.connect(filled) as conn:
        conn.execute("LOCK TABLE bronze_ops.runs")  # others are written before it, and after
        process = start("backup", "one.tar.zst")
        eventually(is_waiting(filled))
        assert Path("one.tar.zst.partial").exists()
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not Path("one.tar.zst").exists()
    assert bronze("backup", "one.tar.zst").exit_code == 0
    assert list(Path().glob("one*")) == [Path("one.tar.zst")]
    drop_everything(filled)
    bronze("restore", "one.tar.zst")
    assert differences(everything(filled), before) == {}


@pytest.mark.usefixtures("load")
def test_a_backup_is_of_one_moment(
    filled: str, bronze: Bronze, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    before = everything(filled)
    with psycopg.connect(filled) as conn:
        conn.execute("LOCK TABLE bronze_ops.dead_letters")
        process = start("backup", "one.tar.zst")
        eventually(is_waiting(filled))
        with psycopg.connect(filled) as other:  # what a load would write meanwhile
            other.execute("UPDATE bronze_ops.runs SET records_read = records_read + 1")
            other.execute("DELETE FROM bronze_x WHERE version > 1")
    assert process.wait() == 0, process.stderr.read() if process.stderr else ""
    drop_everything(filled)
    bronze("restore", "one.tar.zst")
    assert differences(everything(filled), before) == {}


def test_a_kill_in_the_middle_of_a_restore(
    filled: str, bronze: Bronze, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    before = everything(filled)
    bronze("backup", "one.tar.zst")
    drop_everything(filled)
    empty = everything(filled)
    with psycopg.connect(filled) as conn:
        # A month in the middle: other tables, and months before it, are there by then.
        conn.execute(
            "SELECT pg_advisory_xact_lock("
            "hashtextextended('bronze:partition:bronze_x_y2024m05', 0))"
        )
        process = start("restore", "one.tar.zst")
        eventually(is_waiting(filled))
        process.kill()
        process.wait()
        said = process.stderr.read() if process.stderr else b""
        assert b"bronze_ops.heads" in said
    eventually(lambda: not is_waiting(filled)())
    assert everything(filled) == empty
    assert bronze("restore", "one.tar.zst").exit_code == 0
    assert differences(everything(filled), before) == {}


@pytest.mark.usefixtures("tmp_path")
def test_memory_is_flat(filled: str, command: tuple[str, ...]) -> None:
    with psycopg.connect(filled) as conn:
        conn.execute("SELECT bronze_ops.create_partition_if_not_exists('x', '2024-01-31')")
        conn.execute(
            "INSERT INTO bronze_x (source, raw_data, validation_status, lineage_id, partition_key,"
            " metadata) SELECT 'x', jsonb_build_object('text', repeat(md5(n::text), 90)), 'valid',"
            ' \'x/main/users/m\' || n, \'2024-01-31\', \'{"stream": "users", "account": "main"}\''
            " FROM generate_series(1, 50000) AS n"
        )
    peaks = {}
    for name, args in {"small": ("--version",), "backup": ("backup", "big"),
                       "restore": ("restore", "big")}.items():  # fmt: skip
        if name == "restore":
            drop_everything(filled)
        peak = run([*command, *args], stdout=subprocess.DEVNULL)
        assert peak.status == 0
        peaks[name] = peak.memory >> 20
    # 150 MB of rows, in pieces of 8 MiB of which a few are held at once.
    assert max(peaks.values()) < peaks["small"] + 100, peaks


OLDEST = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.extra
@pytest.mark.parametrize("ways", ["15 to 18", "18 to 15"])
def test_another_major_version(
    ways: str, filled: str, bronze: Bronze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not OLDEST.is_dir():
        pytest.skip("needs PostgreSQL 15's programs (Debian: apt install postgresql-15)")
    oldest = EmbeddedServer(tmp_path / "private" / "oldest", bin_dir=OLDEST)
    newest = psycopg.conninfo.make_conninfo(filled)
    try:
        old = psycopg.conninfo.make_conninfo(**oldest.start())
        before = everything(filled)
        bronze("backup", "first.tar.zst")
        monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", old)
        assert bronze("restore", "first.tar.zst").exit_code == 0
        rows = {name for name in before if "." in name}
        assert {name: everything(old)[name] for name in rows} == {n: before[n] for n in rows}
        if ways == "15 to 18":
            bronze("backup", "second.tar.zst")
            drop_everything(newest)
            monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", newest)
            assert bronze("restore", "second.tar.zst").exit_code == 0
            after = everything(newest)
            assert after == before
    finally:
        oldest.stop()
