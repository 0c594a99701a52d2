"""The wheel, installed outside of the repository, makes the tables that the checkout makes."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.messages import as_input, record, schema
from tests.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Run

PACKAGE = Path(__file__).parents[2]
MESSAGES = (schema(bookmark_properties=["at"]), record(id=1, at="2024-02-29"))
SCHEMAS = "('bronze_ops', 'public')"
CATALOGUE = (
    f"""
    SELECT n.nspname, c.relname, c.relkind::text, a.attname, a.attnum, a.attnotnull,
           format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid),
           l.collname, a.attcompression::text
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
    LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
    WHERE n.nspname IN {SCHEMAS} ORDER BY 1, 2, 5
    """,
    f"SELECT indexdef FROM pg_indexes WHERE schemaname IN {SCHEMAS} ORDER BY 1",
    f"""
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace::regnamespace::text IN {SCHEMAS} ORDER BY 1, 2
    """,
    f"SELECT viewname, definition FROM pg_views WHERE schemaname IN {SCHEMAS} ORDER BY 1",
    f"""
    SELECT oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace::regnamespace::text IN {SCHEMAS} ORDER BY 1
    """,
    "SELECT version, name FROM bronze_ops.schema_version ORDER BY 1",
)


def catalogue(dsn: str) -> list[list[tuple[Any, ...]]]:
    """Return columns, indexes, constraints, views, functions and migrations of a database."""
    with psycopg.connect(dsn) as conn:
        return [conn.execute(query.encode()).fetchall() for query in CATALOGUE]


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False, **options)
    assert done.returncode == 0, done.stderr.decode()
    return bytes(done.stdout).decode()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and the locked dependencies alone.

    A ``.pth`` file in a folder that another ``.pth`` file names is not read, so the editable
    installation of the checkout does not come along.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=PACKAGE)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"),
        *("install", "--quiet", "--no-index", "--no-deps", wheel),
        cwd=folder,
    )
    (site,) = folder.glob("venv/lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


@pytest.fixture
def by_wheel(
    elsewhere: Path, environ: dict[str, str], tmp_path: Path, another: Callable[..., str]
) -> str:
    """The DSN of a database that the wheel's target has loaded into."""
    dsn = another()
    (tmp_path / "wheel.json").write_text(json.dumps({"dsn": dsn, "source": "x"}))
    command = (elsewhere / "target-bronze-postgres", "--config", tmp_path / "wheel.json")
    run(*command, env=environ, cwd=tmp_path, input=as_input(*MESSAGES))
    return dsn


def test_the_wheels_code_and_sql_are_its_own(
    elsewhere: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "from pathlib import Path\n"
        "import target_bronze_postgres\n"
        "folder = Path(target_bronze_postgres.__file__).parent\n"
        "print(folder, *(folder / 'sql').rglob('*.sql'), sep='\\n')"
    )
    paths = run(elsewhere / "python", "-c", code, env=environ, cwd=tmp_path).splitlines()
    assert len(paths) == 1 + len(list(PACKAGE.glob("../../sql/**/*.sql")))
    assert all(Path(path).resolve().is_relative_to(elsewhere.parent) for path in paths)


def test_the_wheel_makes_the_same_tables(by_wheel: str, target: Run, database: str) -> None:
    assert target({"dsn": database, "source": "x"}, *MESSAGES).returncode == 0
    assert catalogue(by_wheel) == catalogue(database)
    assert all(catalogue(database))
