"""TLS to a server that has it: a PostgreSQL with OpenSSL, which the embedded one is without."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db.connect import connect
from target_bronze_postgres.embedded import EmbeddedServer
from target_bronze_postgres.embedded.account import UNPRIVILEGED
from target_bronze_postgres.errors import ConnectError
from target_bronze_postgres.settings import DatabaseTarget
from tests.messages import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Load

pytestmark = pytest.mark.extra


def find_binaries() -> Path:
    """The folder of a PostgreSQL that can do TLS, as Debian and macOS lay it out."""
    folders = [
        Path(path).parent
        for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/*/bin")
        for path in sorted(Path("/").glob(f"{pattern[1:]}/initdb"))
    ]
    if not folders:
        pytest.skip("needs a PostgreSQL with OpenSSL, such as Debian's postgresql")
    return folders[-1]


def make_certificate(folder: Path, name: str, host: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
    names = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the server's certificate, for localhost, and a stranger's."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificate(folder, "server", "localhost")
    make_certificate(folder, "stranger", "localhost")
    return folder


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder that the server's account owns and can find: PostgreSQL 15 asks for the latter."""
    with tempfile.TemporaryDirectory(prefix="bronze-tls-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)
        yield Path(folder)


@pytest.fixture(scope="module")
def tls(certificates: Path, home: Path) -> Iterator[dict[str, str]]:
    """The parameters of a server that takes TLS connections only."""
    server = EmbeddedServer(home, bin_dir=find_binaries())
    params = server.start()
    data = server.home / "data"
    try:
        owner = data.stat()
        for ending in ("crt", "key"):
            file = data / f"server.{ending}"
            shutil.copy(certificates / file.name, file)
            shutil.chown(file, owner.st_uid, owner.st_gid)
            file.chmod(0o600)
        with psycopg.connect(make_conninfo("", **params), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET ssl = on")
            (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")
        yield params | {"host": "localhost", "hostaddr": "127.0.0.1"}
    finally:
        server.stop()


def reach(params: dict[str, str], **changes: str) -> psycopg.Connection[tuple[object, ...]]:
    return connect(
        DatabaseTarget(params | changes, "PG_HOST", "database x"), application_name="test"
    )


def test_full_verification(tls: dict[str, str], certificates: Path) -> None:
    root = str(certificates / "server.crt")
    with reach(tls, sslmode="verify-full", sslrootcert=root) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert row.fetchone() == (True,)


def test_a_load_with_full_verification(tls: dict[str, str], certificates: Path, load: Load) -> None:
    secure = {"sslmode": "verify-full", "sslrootcert": str(certificates / "server.crt")}
    dsn = make_conninfo("", **(tls | secure))
    lines = (schema(), record(id=1), state({"n": 1}))
    assert load(*lines, dsn=dsn).states == [{"n": 1}]
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM bronze_x").fetchone() == (1,)
    stranger = make_conninfo(dsn, sslrootcert=str(certificates / "stranger.crt"))
    done = load(*lines, dsn=stranger, max_retries=0, fails=True)
    assert "is not signed by a certificate in sslrootcert" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"sslmode": "verify-full", "sslrootcert": "stranger.crt"},
            "is not signed by a certificate in sslrootcert: mend sslrootcert",
        ),
        (
            {"sslmode": "verify-full", "sslrootcert": "server.crt", "host": "127.0.0.1"},
            "the server's certificate is for another host name: mend host",
        ),
        ({"sslmode": "disable"}, "without TLS: set sslmode to require"),
    ],
    ids=["stranger", "other name", "without"],
)
def test_refusals(
    tls: dict[str, str], certificates: Path, changes: dict[str, str], line: str
) -> None:
    if "sslrootcert" in changes:
        changes = changes | {"sslrootcert": str(certificates / changes["sslrootcert"])}
    with pytest.raises(ConnectError) as caught:
        reach(tls, **changes)
    assert line in str(caught.value)
    assert tls["password"] not in str(caught.value)
