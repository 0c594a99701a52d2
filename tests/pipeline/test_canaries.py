"""Secrets are planted in every setting, then looked for everywhere: none is found.

Secrets may stand in `.env`, in the server's password file and in the tap's file of tokens, all of
them for their owner alone; nowhere else, not for a moment.
"""

from __future__ import annotations

import gzip
import os
import threading
import time
import zipfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.embedded import EmbeddedServer
from target_bronze_postgres.ops.cli import main
from tests.pipeline.conftest import ROOT, Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox import Sandbox

LOOKS: Final = (
    ("status",),
    ("status", "--last-run"),
    ("status", "--format", "json"),
    ("catalog",),
    ("catalog", "--format", "json"),
    ("check",),
    ("db", "dsn"),
    ("dead-letters", "list", "--all"),
    ("maintain",),
    ("schedules", "--crontab"),
    ("backup", "backup"),
)
"""What `bronze` is asked to show or to write."""
PAGES: Final = ("/", "/metrics", "/health")
"""What `bronze serve` is asked for."""
EVERY: Final = 0.25
"""Seconds between two looks at processes, sessions and files while a pipeline runs."""
CONTROL: Final = "the-control-account"
"""No secret: it must be found, else the search would find nothing at all."""


class Secrets:
    """What must not be found, by name, and what was found all the same."""

    def __init__(self) -> None:
        """Plant nothing yet."""
        self.texts: dict[str, str] = {}
        self.found: set[tuple[str, str]] = set()
        self.controls: set[str] = set()

    def look(self, where: str, text: bytes) -> None:
        """Search a text for every secret, and for what is none."""
        for name, secret in self.texts.items():
            if secret.encode() in text:
                self.found.add((name, where))
        if CONTROL.encode() in text:
            self.controls.add(where)


@pytest.fixture
def secrets(sandbox: Sandbox) -> Secrets:
    """Secrets of the settings, and those that the services' answers hold."""
    planted = Secrets()
    planted.texts = {
        "Toggl's token": sandbox.toggl.token,
        "Garmin's key": sandbox.garmin.key,
        **{
            name: f"canary-{number}-of-this-test"
            for number, name in enumerate(
                (
                    *("password of the role", "PG_PASS", "PGPASSWORD", "GARMIN_CLIENT_SECRET"),
                    *("stream_map_config of tap-toggl", "stream_map_config of the target"),
                    *("stream_map_config of tap-garmin", "LAKEHOUSE_DB_PASSWORD", "a wrong key"),
                    *("a password in a wrong dsn", "BRONZE_BACKUP_PASSPHRASE"),
                )
            )
        },
        **{f"secret {n} of an answer": s for n, s in enumerate(sandbox.toggl.account.secrets())},
    }
    return planted


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A server of this test's own, which writes every statement into its log."""
    embedded = EmbeddedServer(tmp_path / "server")
    parameters = embedded.start()
    with psycopg.connect(autocommit=True, **parameters) as conn:  # type: ignore[arg-type] # all text
        conn.execute("ALTER SYSTEM SET log_statement = 'all'")
        conn.execute("ALTER SYSTEM SET log_min_duration_statement = 0")
        conn.execute("SELECT pg_reload_conf()")
    yield parameters
    embedded.stop()


@pytest.fixture
def owner(server: dict[str, str], database: str, secrets: Secrets) -> str:
    """The DSN of a role that owns the test's database, whose password is a secret."""
    password = secrets.texts["password of the role"]
    with psycopg.connect(database, autocommit=True) as conn:
        hashed = conn.pgconn.encrypt_password(password.encode(), b"canary", b"scram-sha-256")
        create = sql.SQL("CREATE ROLE canary LOGIN PASSWORD {}")
        conn.execute(create.format(sql.Literal(hashed.decode())))
        conn.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO canary").format(sql.Identifier(conn.info.dbname))
        )
        name = conn.info.dbname
    secrets.texts["password of the embedded server"] = server["password"]
    return make_conninfo(**server | {"dbname": name, "user": "canary", "password": password})


@pytest.fixture
def planted(tmp_path: Path, sandbox: Sandbox, owner: str, secrets: Secrets) -> Project:
    """A project with a secret in every setting that takes one."""
    texts = secrets.texts
    maps = '{"salt": "%s"}'
    project = Project(
        tmp_path / "project",
        sandbox.environ()
        | {
            "TARGET_BRONZE_POSTGRES_DSN": owner.replace("'", ""),
            "TARGET_BRONZE_POSTGRES_ENVIRONMENT": CONTROL,
            "TARGET_BRONZE_POSTGRES_STREAM_MAP_CONFIG": maps
            % texts["stream_map_config of the target"],
            "TAP_TOGGL_STREAM_MAP_CONFIG": maps % texts["stream_map_config of tap-toggl"],
            "TAP_GARMIN_STREAM_MAP_CONFIG": maps % texts["stream_map_config of tap-garmin"],
            "TAP_TOGGL_STREAM_GROUPS": '["personal", "organization", "saved_reports"]',
            "GARMIN_CLIENT_ID": "me",
            **{
                name: texts[name]
                for name in (
                    *("PG_PASS", "PGPASSWORD", "GARMIN_CLIENT_SECRET"),
                    *("LAKEHOUSE_DB_PASSWORD", "BRONZE_BACKUP_PASSPHRASE"),
                )
            },
        },
    )
    (project.folder / ".env").chmod(0o600)
    return project


@contextmanager
def watched(project: Project, secrets: Secrets, database: str) -> Iterator[None]:
    """Look at processes, sessions and files that others may read, while something runs."""
    over = threading.Event()

    def watch() -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            while not over.wait(EVERY):
                _look_at_processes(secrets)
                query = "SELECT string_agg(a::text, ' ') FROM pg_stat_activity AS a"
                row = conn.execute(query).fetchone()
                secrets.look("pg_stat_activity", str(row).encode())
                _look_at_files(project.folder, secrets, "while it ran", others_only=True)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _look_at_processes(secrets: Secrets) -> None:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            secrets.look("process list", path.read_bytes())


def _look_at_files(folder: Path, secrets: Secrets, when: str, *, others_only: bool = False) -> None:
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with suppress(OSError):
                is_open = bool(path.stat().st_mode & 0o077) and not path.is_symlink()
                if path.is_file() and (is_open or not others_only):
                    where = f"{path.relative_to(folder)} {when}"
                    for text in _contents(path):
                        secrets.look(where, text)


def _contents(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, and what an archive packs."""
    yield path.read_bytes()
    with suppress(OSError, EOFError):
        yield gzip.decompress(path.read_bytes())
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from map(archive.read, archive.namelist())


def look_at(secrets: Secrets, where: str, done: Any) -> Any:
    """Search what a command printed."""
    secrets.look(where, (done.stdout + done.stderr).encode())
    return done


def look_at_pages(project: Project, secrets: Secrets) -> None:
    """Search the pages of `bronze serve`."""
    from urllib.error import HTTPError  # noqa: PLC0415 - for these few lines
    from urllib.request import urlopen  # noqa: PLC0415

    with ExitStack() as stack:
        process = stack.enter_context(project.start("bronze", "serve", "--port", "0"))
        stack.callback(process.terminate)
        assert process.stdout is not None
        line = process.stdout.readline()
        address = line[line.index("http") :].split()[0].rstrip("/")
        for page in PAGES:
            try:
                with urlopen(address + page) as answer:  # noqa: S310 - our own server
                    secrets.look(f"page {page}", answer.read())
            except HTTPError as error:
                secrets.look(f"page {page}", error.read())


def look_at_tables(secrets: Secrets, database: str) -> None:
    """Search every row of every table, as text: what is on disk may be compressed."""
    with psycopg.connect(database, autocommit=True) as conn:
        names = conn.execute(
            "SELECT n.nspname, c.relname FROM pg_class AS c "
            "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition "
            "AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, table))
            for (row,) in conn.execute(query):
                secrets.look(f"table {table}", row.encode())
            if table == "dead_letters":
                for (message,) in conn.execute("SELECT message FROM bronze_ops.dead_letters"):
                    secrets.look("dead letters", message)


def load_both(project: Project, secrets: Secrets) -> None:
    """Run the pipelines as `make run` and the schedules do, then by pipes with a usual umask."""
    program = "from orchestrate.run import main; raise SystemExit(main())"
    run = look_at(secrets, "make run", project.run("python", "-c", program, PYTHONPATH=str(ROOT)))
    assert run.returncode == 0, run.stderr
    for tap in ("tap-toggl", "tap-garmin"):
        read, loaded = project.pipe(tap)
        assert (read.returncode, loaded.returncode) == (0, 0), read.stderr + loaded.stderr
        look_at(secrets, f"messages of {tap}", read)
        look_at(secrets, f"target after {tap}", loaded)


def meet_trouble(project: Project, secrets: Secrets, server: dict[str, str]) -> None:
    """Search what is said of settings that are wrong and secret."""
    wrong = secrets.texts["a password in a wrong dsn"]
    dsn, maps = "TARGET_BRONZE_POSTGRES_DSN", "TARGET_BRONZE_POSTGRES_STREAM_MAP_CONFIG"
    refused = make_conninfo(**server | {"user": "canary", "password": wrong})
    keys = {f"{name}_API_KEY": secrets.texts["a wrong key"] for name in ("TOGGL", "GARMIN")}
    for words, variables in (
        (("bronze", "status"), {dsn: refused}),
        (("target-bronze-postgres",), {dsn: refused}),
        (("bronze", "status"), {dsn: f"postgresql://u:{wrong}@[x"}),
        (("target-bronze-postgres",), {dsn: f"host=x pasword={wrong}"}),
        (("target-bronze-postgres",), {maps: secrets.texts["stream_map_config of the target"]}),
        (("tap-toggl", "--config", "ENV"), keys),
        (("tap-garmin", "--config", "ENV"), keys),
        (("meltano", "run", "toggl"), keys),
    ):
        done = project.run(*words, text="", **variables)
        assert done.returncode == 1, words
        look_at(secrets, f"trouble of {words[0]}", done)


def look_around(project: Project, secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search what `bronze` shows."""
    monkeypatch.chdir(project.folder)
    env: dict[str, str | None] = {**dict.fromkeys(os.environ), **project.environ()}
    for words in LOOKS:
        if words[0] in main.commands:
            look_at(secrets, f"bronze {' '.join(words)}", CliRunner().invoke(main, words, env=env))
    if "serve" in main.commands:
        look_at_pages(project, secrets)


def test_no_secret_is_found_anywhere(  # noqa: PLR0913, PLR0917 - fixtures
    planted: Project,
    secrets: Secrets,
    database: str,
    server: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with watched(planted, secrets, database):
        load_both(planted, secrets)
    meet_trouble(planted, secrets, server)
    look_around(planted, secrets, monkeypatch)
    look_at_tables(secrets, database)
    secrets.look("the server's log", (tmp_path / "server" / "server.log").read_bytes())
    _look_at_files(tmp_path, secrets, "afterwards")
    assert {one for one in secrets.found if not _is_allowed(one[1], tmp_path)} == set()
    assert {"table bronze_toggl", "table bronze_garmin", "table runs"} <= secrets.controls


def _is_allowed(where: str, folder: Path) -> bool:
    """Tell whether secrets may stand in a place: a file that is there for them, for its owner."""
    path = folder / where.removesuffix(" afterwards")
    may = path.name in {".env", "pgpass"} or "tap-garmin" in path.parts
    return may and path.is_file() and not path.stat().st_mode & 0o077


def test_the_search_finds_what_is_there(planted: Project, secrets: Secrets, database: str) -> None:
    (planted.folder / "open").write_text(secrets.texts["PG_PASS"])
    (planted.folder / "open").chmod(0o644)
    with watched(planted, secrets, database):
        planted.run("python", "-c", "import time; time.sleep(1)", secrets.texts["PGPASSWORD"])
        time.sleep(EVERY)
    assert secrets.found == {("PG_PASS", "open while it ran"), ("PGPASSWORD", "process list")}
