"""The same records through other loaders, each in an environment of its own.

Which, and in what version, stands in ``benchmarks/peers``: a file of requirements for each. The
environments lie in ``data/bench`` and are made once. A loader that cannot be installed is left out,
and a line says so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks import child
from benchmarks.bench import DATA
from benchmarks.child import ChildError, Done
from benchmarks.figures import Figure, at_least, median_of, ratio_of
from benchmarks.tap_output import STREAM, TABLE, entries, keyless

if TYPE_CHECKING:
    from benchmarks.bench import Bench

TITLE: Final = "Other loaders"
SIZES: Final = ("rows", "runs")
FOLDER: Final = Path(__file__).resolve().parent.parent / "peers"

Start = Callable[["Bench", Path, str, Path], Done]


@dataclass(frozen=True)
class Peer:
    """Another loader.

    Attributes:
        name: That of its file of requirements.
        how: The settings that make it append, as fast as it can.
        start: Loads messages with the programs of an environment into a database.
    """

    name: str
    how: str
    start: Start

    @property
    def requirement(self) -> str:
        """Package and version."""
        return (FOLDER / f"{self.name}.txt").read_text(encoding="utf-8").strip()


def _parts(dsn: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return libpq's parameters under the names that a loader has for them."""
    known = conninfo_to_dict(dsn)
    found: dict[str, Any] = {other: known[name] for name, other in names.items()}
    return found


def _meltanolabs(bench: Bench, programs: Path, dsn: str, messages: Path) -> Done:
    names = {"host": "host", "port": "port", "user": "user", "password": "password"}
    parts = _parts(dsn, names | {"dbname": "database"})
    settings = parts | {"port": int(parts["port"]), "use_copy": True}
    settings["default_target_schema"] = "public"
    return _singer(bench, programs / "target-postgres", settings, messages)


def _pipelinewise(bench: Bench, programs: Path, dsn: str, messages: Path) -> Done:
    names = {"host": "host", "port": "port", "user": "user", "password": "password"}
    parts = _parts(dsn, names | {"dbname": "dbname"})
    settings = parts | {"port": int(parts["port"]), "primary_key_required": False}
    settings["default_target_schema"] = "public"
    return _singer(bench, programs / "target-postgres", settings, messages)


def _singer(bench: Bench, program: Path, settings: dict[str, Any], messages: Path) -> Done:
    config = bench.folder / "peer.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    config.chmod(0o600)
    return child.run([str(program), "--config", str(config)], stdin=messages)


def _dlt(bench: Bench, programs: Path, dsn: str, messages: Path) -> Done:
    parts = conninfo_to_dict(dsn)
    url = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**parts)
    folder = bench.folder / "dlt"
    folder.mkdir(exist_ok=True)
    env = {
        "DESTINATION__POSTGRES__CREDENTIALS": url,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(folder),
        "HOME": str(folder),
    }
    command = [str(programs / "python"), str(FOLDER / "dlt_load.py"), str(messages)]
    return child.run(command, env=env, cwd=folder)


PEERS: Final = (
    Peer("meltanolabs", "use_copy, keyless so that it appends", _meltanolabs),
    Peer("pipelinewise", "keyless so that it appends", _pipelinewise),
    Peer("dlt", "append, CSV by COPY", _dlt),
)


def measure(bench: Bench) -> Iterator[Figure]:
    """Alternate the target and the others, each into a database of its own that is empty."""
    messages = entries(bench.rows)
    without_keys = keyless(messages)
    ready, missing = _installed(bench)
    target, others = [], {peer.name: list[float]() for peer in ready}
    dsn = bench.fresh_database("target")
    bench.load(dsn, messages)  # makes the partitions
    for number in range(bench.runs):
        bench.say(f"peers: run {number + 1} of {bench.runs}")
        bench.empty(dsn, TABLE)
        target.append(bench.load(dsn, messages).seconds)
        for peer, programs in list(ready.items()):
            try:
                others[peer.name].append(_timed(bench, peer, programs, without_keys))
            except ChildError as error:
                del ready[peer], others[peer.name]
                missing.append(Figure(peer.requirement, None, "s", note=_short(error)))
    bench.drop_database("target")
    yield median_of("target-bronze-postgres", target, "s", note="every version, every column")
    for peer in ready:
        yield median_of(peer.requirement, others[peer.name], "s", note=peer.how)
    yield from missing
    name, bar = "the fastest other / target-bronze-postgres", at_least(2.2)
    if not others:
        yield Figure(name, None, "times", bar=bar, note="no other could be run")
        return
    fastest = min(others.values(), key=lambda times: sorted(times)[len(times) // 2])
    yield ratio_of(name, fastest, target, bar)


def _timed(bench: Bench, peer: Peer, programs: Path, messages: Path) -> float:
    dsn = bench.fresh_database("peer")
    seconds = peer.start(bench, programs, dsn, messages).seconds
    try:
        stored = bench.ask(dsn, _COUNT.get(peer.name, _COUNT[""]))
    except psycopg.Error as error:
        raise ChildError(f"its table is not there: {error.diag.message_primary}") from error
    if stored != bench.rows:
        raise ChildError(f"it stored {stored} of {bench.rows} records")
    bench.drop_database("peer")
    return seconds


_COUNT: Final = {
    "": f"SELECT count(*) FROM {STREAM}",
    "dlt": f"SELECT count(*) FROM bench.{STREAM}",
}


def _installed(bench: Bench) -> tuple[dict[Peer, Path], list[Figure]]:
    """Return the programs of each loader that is there or can be installed, and the others."""
    ready, missing = {}, []
    for peer in PEERS:
        try:
            ready[peer] = _environment(bench, peer)
        except ChildError as error:
            note = f"not installed: {_short(error)}"
            bench.say(f"peers: {peer.requirement} is left out, {note}")
            missing.append(Figure(peer.requirement, None, "s", note=note))
    return ready, missing


def _environment(bench: Bench, peer: Peer) -> Path:
    folder = DATA / "environments" / peer.requirement.replace("[", "-").replace("]", "")
    programs, whole = folder / "bin", folder / "whole"
    if not whole.exists():
        bench.say(f"peers: installing {peer.requirement}")
        child.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)])
        _install(programs / "python", FOLDER / f"{peer.name}.txt")
        whole.touch()
    return programs


def _install(python: Path, requirements: Path) -> None:
    """Install with uv, which is quick; pip goes on where its configuration is needed."""
    what = ["install", "--quiet", "--requirement", str(requirements)]
    uv = [str(child.PROGRAMS / "uv"), "pip", *what, "--system-certs", "--python", str(python)]
    try:
        child.run(uv, env={"UV_PYTHON_DOWNLOADS": "never"})
    except ChildError:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        child.run([*pip, "--python", str(python), *what])


def _short(error: ChildError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:120] if lines else "it said nothing"
