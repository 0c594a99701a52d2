"""``meltano run`` and a plain pipe write to the same database, with ``.env`` set and unset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from target_bronze_postgres.embedded import EmbeddedServer

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project
    from tests.sandbox import Sandbox

LOADERS = "SELECT count(DISTINCT loader_id) FROM bronze_ops.runs"
VERSIONS = "SELECT max(version), count(*) > 0 FROM bronze_toggl"


def load_both_ways(project: Project) -> None:
    """Load the same account through Meltano and through a pipe."""
    done = project.run("meltano", "run", "tap-toggl", "target-bronze-postgres")
    assert done.returncode == 0, done.stderr
    read, loaded = project.pipe("tap-toggl")
    assert (read.returncode, loaded.returncode) == (0, 0), loaded.stderr


def test_the_database_of_the_env_file(project: Project, sandbox: Sandbox, database: str) -> None:
    known = conninfo_to_dict(database)
    project.write_env(
        **sandbox.environ(),
        PG_HOST=str(known["host"]),
        PG_PORT=str(known["port"]),
        PG_DB=str(known["dbname"]),
        PG_USER=str(known["user"]),
        PG_PASS=str(known["password"]),
    )
    load_both_ways(project)
    with psycopg.connect(database) as conn:
        assert conn.execute(LOADERS).fetchone() == (2,)
        assert conn.execute(VERSIONS).fetchone() == (1, True)


def test_the_embedded_database_if_nothing_names_one(project: Project, sandbox: Sandbox) -> None:
    project.write_env(**sandbox.environ())
    try:
        load_both_ways(project)
        shown = project.run("bronze", "db", "psql", "-Atc", f"{LOADERS}; {VERSIONS}")
        assert shown.stdout.split() == ["2", "1|t"]
    finally:
        EmbeddedServer(Path(project.folder) / "data" / "postgres").stop()
