"""``make demo``: both pipelines, from the sandbox into the embedded PostgreSQL, through Meltano.

``python -m tests.demo [FOLDER]``; without a folder it is the repository's ``data``. It runs in a
Meltano project of its own, ``demo`` in that folder: a copy of ``meltano.yml`` with a ``.env`` that
names the sandbox. So neither the user's ``.env`` nor the STATE of the user's own pipelines is
touched, and the made-up rows carry the account ``demo``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from orchestrate.run import PROGRAMS
from tests.sandbox import Options, Sandbox

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = ROOT / "data"
YEARS: Final = 2
OPTIONS: Final = Options(plan="Starter", running=False, future=0)
"""A free plan has no tasks; what runs now or is planned ahead would differ from run to run."""
KEPT: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME")
GO_ON: Final = """
Nothing is loaded twice: run make demo again, and it says 0 rows. Look at the rows:
  .venv/bin/bronze db psql -c "SELECT lineage_id, version, raw_data FROM bronze_toggl LIMIT 3"
Go on with your own accounts:  cp .env.example .env && chmod 600 .env, fill it in, make run
Stop the embedded server:      .venv/bin/bronze db stop"""


def main(data: Path) -> int:
    """Serve, run, tell; return the exit status of the pipelines."""
    # The person did nothing today, so that a second demonstration finds what the first one found.
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with Sandbox(seed=1, years=YEARS, now=midnight, toggl=OPTIONS) as sandbox:
        sandbox.toggl.largest_page_size = 1000  # with 50, the quota of an hour would not do
        sandbox.garmin.account.stop_syncing()
        sandbox.clock.set(datetime.now(UTC))
        folder = project(data, sandbox)
        status = subprocess.run(
            [sys.executable, "-m", "orchestrate.run"], cwd=folder, env=environment(), check=False
        ).returncode
    if not status:
        print(GO_ON)  # noqa: T201 - this is a command line
    return status


def project(data: Path, sandbox: Sandbox) -> Path:
    """Write the demonstration's Meltano project; its STATE of earlier runs stays."""
    folder = data / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "meltano.yml", folder / "meltano.yml")
    programs = folder / ".venv"  # meltano.yml names the plugins below the project's root
    if not programs.is_symlink():
        programs.symlink_to(PROGRAMS.parent, target_is_directory=True)
    settings = sandbox.environ() | {
        "TAP_TOGGL_ACCOUNT": "demo",
        "TAP_GARMIN_ACCOUNT": "demo",
        "TARGET_BRONZE_POSTGRES_EMBEDDED_DIR": str(data / "postgres"),
    }
    lines = [f"{name}='{value}'\n" for name, value in settings.items()]
    (folder / ".env").write_text("".join(lines), encoding="utf-8")
    return folder


def environment() -> dict[str, str]:
    """Return the variables of this machine without those that could name another database."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    return kept | {"PYTHONPATH": str(ROOT)}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if sys.argv[1:] else DATA))
