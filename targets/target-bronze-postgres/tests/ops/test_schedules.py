"""``bronze schedules``: what cron and systemd get, from the real Meltano, run by the real shell."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cronsim import CronSim

from target_bronze_postgres.errors import BronzeError
from target_bronze_postgres.ops.schedules.calendar import calendar_events
from target_bronze_postgres.ops.schedules.crontab import crontab
from target_bronze_postgres.ops.schedules.plan import Plan, Schedule
from target_bronze_postgres.ops.schedules.units import unit_name, units
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Bronze = Callable[..., Result]

MELTANO = Path(sys.executable).parent / "meltano"
ODD = "a b%c $d 'e' \"f\""
VALUE = '100% of $HOME\'s "best"'
PROJECT: dict[str, Any] = {
    "version": 1,
    "default_environment": "dev",
    "send_anonymous_usage_stats": False,
    "environments": [{"name": "dev"}],
    "plugins": {
        "extractors": [{"name": "tap-x", "namespace": "tap_x", "executable": "tap-x"}],
        "loaders": [{"name": "target-x", "namespace": "target_x", "executable": "target-x"}],
    },
    "jobs": [{"name": "x", "tasks": ["tap-x target-x"]}],
    "schedules": [
        {"name": "x-hourly", "interval": "@hourly", "job": "x", "env": {"VALUE": VALUE}},
        {"name": "x weekdays/7", "interval": "5 7 * * 1-5", "job": "x"},
        {"name": "x-by-hand", "interval": "@once", "job": "x"},
        {
            "name": "x-old",
            "interval": "@daily",
            "extractor": "tap-x",
            "loader": "target-x",
            "transform": "skip",
            "start_date": "2024-01-01",
        },
    ],
}


def needs_systemd(test: Any) -> Any:
    """Run a test where systemd-analyze is; elsewhere it is one of the extra tests, and skipped."""
    if shutil.which("systemd-analyze"):
        return test
    skip = pytest.mark.skip(reason="systemd-analyze is missing: install systemd")
    extra = pytest.mark.extra
    return extra(skip(test))


FAKE = """#!/bin/sh
case "$*" in *"schedule list"*) {lists}; exit ;; esac
for word in "$0" "$PWD" "$(umask)" "$MELTANO_RUN_ID" "$VALUE" "$@"; do
  printf '%s\\n' "$word"
done >"$RECORD/$(date +%s%N)"
if [ -e "$RECORD/hang" ]; then
  trap '' TERM
  touch "$RECORD/hanging"
  sleep 60 & wait $!
  sleep 60
fi
if [ -e "$RECORD/server" ]; then sleep 30 >/dev/null 2>&1 & echo $! >"$RECORD/left"; fi
[ ! -e "$RECORD/fail" ]
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the real Meltano says of the project; it takes seconds to say so."""
    folder = tmp_path_factory.mktemp("listed")
    (folder / "meltano.yml").write_text(json.dumps(PROJECT))
    command = [str(MELTANO), "schedule", "list", "--format=json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    (folder / "listed.json").write_bytes(done.stdout)
    return folder / "listed.json"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: Path) -> Path:
    """A Meltano project in an odd folder, with programs that write down how they were called."""
    folder = tmp_path / ODD
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (folder / "meltano.yml").write_text(json.dumps(PROJECT))
    for name in ("meltano", "bronze"):
        (programs / name).write_text(FAKE.format(lists=f"cat {shlex.quote(str(listed))}"))
        (programs / name).chmod(0o755)
    (programs / "python").symlink_to(sys.executable)
    record = tmp_path / "record"
    record.mkdir()
    monkeypatch.setenv("RECORD", str(record))
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.chdir(folder)
    return folder


def calls(project: Path) -> list[list[str]]:
    """Return the calls so far: program, folder, umask, run id, variable, words."""
    found = [p for p in (project.parent / "record").iterdir() if p.name.isdigit()]
    lines = [path.read_text().splitlines() for path in sorted(found, key=lambda p: int(p.name))]
    return [[Path(line[0]).name, *line[1:]] for line in lines]


def parsed(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return variables, and times and commands, as cron reads a crontab."""
    variables, lines = {}, []
    for line in text.splitlines():
        if found := re.fullmatch(r"([A-Z]+)=(.*)", line):
            variables[found[1]] = found[2]
        elif not line.startswith("#"):
            fields = line.split(" ", 5)
            assert not re.search(r"(?<!\\)%", fields[5])
            lines.append((" ".join(fields[:5]), fields[5].replace(r"\%", "%")))
    return variables, lines


def run(variables: dict[str, str], command: str) -> subprocess.Popen[str]:
    """Run a line as cron does: by its shell, from the home folder, with hardly any variables."""
    environment = {"HOME": "/", "LOGNAME": "me", "RECORD": os.environ["RECORD"]} | variables
    return subprocess.Popen(
        [variables["SHELL"], "-c", command],
        env=environment,
        cwd="/",
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_shows_what_would_be_run(bronze: Bronze, project: Path) -> None:
    document = json.loads(bronze("schedules", "--format", "json").stdout)
    assert document["folder"] == str(project)
    assert document["by_hand"] == ["x-by-hand"]
    assert [(one["name"], one["cron"]) for one in document["schedules"]] == [
        ("x-hourly", "0 * * * *"),
        ("x weekdays/7", "5 7 * * 1-5"),
        ("x-old", "0 0 * * *"),
        ("weekly-maintain", "30 3 * * 0"),
        ("weekly-backup", "30 4 * * 0"),
    ]
    programs = project / ".venv" / "bin"
    assert document["schedules"][0]["command"] == [str(programs / "meltano"), "run", "x"]
    assert document["schedules"][2]["command"][1:] == [
        *("elt", "tap-x", "target-x", "--transform=skip", "--state-id=x-old")
    ]
    table = bronze("schedules", "--environment", "dev").stdout
    assert "--environment=dev run x" in table
    assert re.search(r"x-by-hand +- +by hand", table)


def test_the_lines_of_a_crontab_do_what_they_say(bronze: Bronze, project: Path) -> None:
    config = project.parent / "t %.json"
    config.write_text("{}")
    notify = "mail -s '100% bronze' me"
    done = bronze("--config", str(config), "schedules", "--crontab", "--notify", notify)
    assert done.stderr == "x-by-hand has no time: it is started by hand alone\n"
    variables, lines = parsed(done.stdout)
    assert [cron for cron, _ in lines] == [
        *("0 * * * *", "5 7 * * 1-5", "0 0 * * *", "30 3 * * 0", "30 4 * * 0")
    ]
    (project.parent / "record" / "fail").touch()  # checks come after what failed, too
    for _, command in lines:
        assert run(variables, command).communicate(timeout=30)[1] == ""
    options = ["--config", str(config)]
    check = ["bronze", str(project), "0077", "", "", *options, "check", "--notify", notify]
    got = calls(project)
    ids = [call[3] for call in got if call[0] == "meltano"]
    assert len({uuid.UUID(number) for number in ids}) == 3
    meltano = [["meltano", str(project), "0077", number] for number in ids]
    assert got == [
        [*meltano[0], VALUE, "run", "x"],
        check,
        [*meltano[1], "", "run", "x"],
        check,
        [*meltano[2], "", "elt", "tap-x", "target-x", "--transform=skip", "--state-id=x-old"],
        check,
        ["bronze", str(project), "0077", "", "", *options, "maintain"],
        [*check[: 5 + len(options)], "backup", "data/backups/", "--keep", "8"],
    ]


def plan(project: Path, **more: Any) -> Plan:
    """Return a plan of one schedule that is stopped after a second."""
    programs = project / ".venv" / "bin"
    command = (str(programs / "meltano"), "run", "x")
    return Plan(
        folder=project,
        path=f"{programs}:/usr/bin:/bin",
        pipelines=[Schedule("x", "0 * * * *", command, more.pop("timeout", 30), more)],
        weekly=[],
        check=(str(programs / "bronze"), "check"),
        grace=1,
        embedded=True,
    )


def test_a_run_that_goes_on_is_not_started_twice(project: Path) -> None:
    variables, [(_, command)] = parsed(crontab(plan(project)))
    (project.parent / "record" / "hang").touch()
    first = run(variables, command)
    eventually((project.parent / "record" / "hanging").exists)
    (project.parent / "record" / "hang").unlink()
    run(variables, command).communicate(timeout=30)
    assert [call[0] for call in calls(project)] == ["meltano", "bronze"]
    # `timeout` hands the signal on to all that it started, and kills what ignores it.
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    subprocess.run(["pkill", "-TERM", "-P", children[0]], check=True)
    first.communicate(timeout=30)
    run(variables, command).communicate(timeout=30)
    assert [call[0] for call in calls(project)].count("meltano") == 2


def test_what_outlives_a_run_does_not_keep_the_next_one_out(project: Path) -> None:
    variables, [(_, command)] = parsed(crontab(plan(project)))
    record = project.parent / "record"
    (record / "server").touch()  # such as the embedded server, which the target starts
    for _ in range(2):
        run(variables, command).communicate(timeout=30)
        os.kill(int((record / "left").read_text()), 0)
    (record / "server").unlink()
    assert [call[0] for call in calls(project)] == ["meltano", "bronze"] * 2


def test_a_run_that_takes_too_long_is_killed_with_all_that_it_started(project: Path) -> None:
    variables, [(_, command)] = parsed(crontab(plan(project, timeout=1)))
    (project.parent / "record" / "hang").touch()
    started = time.monotonic()
    hanging = run(variables, command)
    eventually((project.parent / "record" / "hanging").exists)
    (project.parent / "record" / "hang").unlink()
    hanging.communicate(timeout=30)
    assert time.monotonic() - started >= 2
    assert [call[0] for call in calls(project)] == ["meltano", "bronze"]
    left = subprocess.run(
        ["pgrep", "-f", re.escape(str(project))], capture_output=True, text=True, check=False
    )
    assert left.stdout == ""


def test_what_no_line_can_hold_is_refused(project: Path) -> None:
    for refused, why in (
        (plan(project, A="a\nb"), "line break"),
        (plan(project, A="x" * 900), "longer"),
    ):
        with pytest.raises(BronzeError, match=why):
            crontab(refused)
    assert dict(units(plan(project, A="x" * 900)))


def test_units_are_written_for_their_owner_alone(bronze: Bronze, project: Path) -> None:
    done = bronze("schedules", "--systemd", "units", "--timeout", "7")
    folder = project / "units"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "bronze-database.service",
        *(
            f"bronze-{name}.{kind}"
            for name in (
                "x-hourly",
                r"x\x20weekdays\x2f7",
                "x-old",
                "weekly-maintain",
                "weekly-backup",
            )
            for kind in ("service", "timer")
        ),
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert (
        "systemctl --user enable --now bronze-database.service bronze-x-hourly.timer" in done.stdout
    )
    service = (folder / "bronze-x-hourly.service").read_text().splitlines()
    assert {"UMask=0077", "KillMode=mixed", "TimeoutStartSec=420", "TimeoutStopSec=300"} <= {
        *service
    }
    assert {"Type=oneshot", "Wants=bronze-database.service", "After=bronze-database.service"} <= {
        *service
    }
    (start,) = (line for line in service if line.startswith("ExecStart="))
    assert start.startswith('ExecStart=/bin/sh -c "exec env MELTANO_RUN_ID=')
    timer = (folder / r"bronze-x\x20weekdays\x2f7.timer").read_text().splitlines()
    assert {"OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 07:05:00", "Persistent=true"} <= {*timer}


def test_no_unit_for_a_database_elsewhere(
    bronze: Bronze, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    bronze("schedules", "--systemd", "units")
    assert not (project / "units" / "bronze-database.service").exists()
    assert "bronze-database" not in (project / "units" / "bronze-x-hourly.service").read_text()


@needs_systemd
def test_systemd_takes_the_units(bronze: Bronze, project: Path) -> None:
    bronze("schedules", "--systemd", "units", "--notify", 'mail -s "100%" $USER')
    files = sorted(map(str, (project / "units").iterdir()))
    verified = subprocess.run(
        ["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    broken = Path(files[0]).read_text().replace("KillMode=mixed", "KilMode=mixed")
    Path(files[0]).write_text(broken)
    verified = subprocess.run(
        ["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False
    )
    assert "KilMode" in verified.stderr


@needs_systemd
@pytest.mark.parametrize(
    "cron",
    [
        "0 */6 * * *",
        "*/7 * * * *",
        "5 4 * * sun",
        "0 22 * * 1-5",
        "23 0-20/2 * * *",
        "15 14 1 * *",
        "0 0 1,15 * 3",
        "0 9 */10 * MON",
        "0 9 10 JUL-SEP 7",
        "30 6 29 2 *",
        "0 12 * 1-6/2 0-6",
    ],
)
def test_systemd_means_the_same_times_as_cron(cron: str) -> None:
    base = datetime(2024, 1, 31, 13, 14, 15, tzinfo=UTC)
    wanted = CronSim(cron, base)
    expected = [next(wanted) for _ in range(12)]
    found: set[datetime] = set()
    for event in calendar_events(cron):
        printed = subprocess.run(
            [
                *("systemd-analyze", "calendar", "--iterations=12"),
                f"--base-time={base:%Y-%m-%d %H:%M:%S UTC}",
                f"{event} UTC",
            ],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"TZ": "UTC", "LC_ALL": "C"},
        ).stdout
        times = re.findall(r"(?:Next elapse|Iter(?:ation|\.) #\d+): \w+ (\S+ \S+) UTC", printed)
        found |= {datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in times}
    assert sorted(found)[:12] == expected


@pytest.mark.parametrize("cron", ["0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * MON#2"])
def test_what_systemd_cannot_say(cron: str) -> None:
    with pytest.raises(BronzeError, match="systemd has no word for the cron expression"):
        calendar_events(cron)


@pytest.mark.parametrize("cron", ["", "x", "61 * * * *", "0 0 * *", "0 0 0 * * *"])
def test_what_is_no_cron_expression(cron: str) -> None:
    with pytest.raises(BronzeError):
        calendar_events(cron)


def test_names_of_units() -> None:
    assert unit_name("toggl-every_6.h") == "bronze-toggl-every_6.h"
    assert unit_name("ü/ @") == r"bronze-\xc3\xbc\x2f\x20\x40"


def test_trouble_is_one_line(
    bronze: Bronze, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = bronze("schedules", "--crontab", "--systemd", "units")
    assert both.exit_code == 2
    (project / "units").touch()
    taken = bronze("schedules", "--systemd", "units")
    assert (taken.exit_code, taken.stderr.splitlines()[-1]) == (
        1,
        "Error: units cannot be written to: File exists",
    )
    (project / "meltano.yml").write_text("version: [")
    program = project / ".venv" / "bin" / "meltano"
    program.write_text(FAKE.format(lists=f'{MELTANO} "$@"'))
    broken = bronze("schedules")
    assert (broken.exit_code, len(broken.stderr.splitlines())) == (1, 1)
    assert broken.stderr.startswith("Error: Meltano cannot list its schedules: ")
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bronze("schedules").stderr == (
        "Error: There is no program meltano: install it, or put its folder on PATH\n"
    )
    monkeypatch.chdir(tmp_path)
    assert "There is no meltano.yml here" in bronze("schedules").stderr
    line_break = tmp_path / "a\nb"
    line_break.mkdir()
    (line_break / "meltano.yml").touch()
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(line_break))
    assert "a name that no crontab can hold" in bronze("schedules").stderr
