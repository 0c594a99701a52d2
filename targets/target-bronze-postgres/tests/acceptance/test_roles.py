"""Loading and reading with no more rights than the roles of the bronze layer give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict

from tests.messages import record, schema

if TYPE_CHECKING:
    from tests.acceptance.conftest import Role, Run
    from tests.conftest import Query


def test_owner_loader_and_reader_need_no_superuser(
    target: Run, bronze: Run, role: Role, query: Query, database: str
) -> None:
    name = conninfo_to_dict(database)["dbname"]
    owner = role("NOSUPERUSER CREATEROLE", f"ALTER DATABASE {name} OWNER TO {{role}}")
    migrated = bronze({"dsn": owner}, "db", "migrate", "--roles")
    assert migrated.returncode == 0, migrated.stderr
    loader = role("", "GRANT bronze_loader TO {role}")
    reader = role("", "GRANT bronze_reader TO {role}")
    about = schema(bookmark_properties=["at"])
    for year in (2024, 2025):
        months = [record(id=f"{year}{m}", at=f"{year}-{m:02}-01") for m in range(1, 13)]
        done = target({"dsn": loader, "source": "newcomer"}, about, *months)
        assert done.returncode == 0, done.stderr
    assert query("SELECT count(*), count(DISTINCT tableoid) FROM bronze_newcomer") == [(24, 24)]
    status = bronze({"dsn": reader}, "status")
    assert status.returncode == 0, status.stderr
    assert "newcomer / main" in status.stdout
    assert bronze({"dsn": reader}, "db", "migrate").returncode == 0
    refused = target({"dsn": reader, "source": "newcomer"}, about, record(id=1, at="2026-01-01"))
    assert refused.returncode == 1
    assert "GRANT bronze_loader TO the role" in refused.stderr.splitlines()[-1]
