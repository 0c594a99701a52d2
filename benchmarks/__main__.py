"""Measures, prints a table for each measurement, and writes them to ``RESULTS.md``."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks import results
from benchmarks.bench import DATA, Bench
from benchmarks.child import ChildError
from benchmarks.figures import Figure, as_text
from benchmarks.measurements import NAMES
from target_bronze_postgres.embedded import EmbeddedServer


def main() -> None:
    """Read the command line, measure, tell; exit status 1 if a bar was missed."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the server would stay
    logging.disable()  # what the taps tell while their requests are counted
    DATA.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA, prefix="run-") as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        try:
            bench = Bench(
                parameters=server.start(),
                psql=server.bin_dir / "psql",
                folder=Path(folder),
                **{name: getattr(options, name) for name in ("rows", "runs", "many")},
                **{name: getattr(options, name) for name in ("queried", "clients")},
            )
            met = [_measure(bench, name, write=options.write) for name in options.only]
        except ChildError as error:
            sys.exit(f"Not measured: {error}")
        except KeyboardInterrupt:
            sys.exit("Stopped: nothing of what was under way is in the results")
        finally:
            server.stop()
    sys.exit(not all(met))


def _measure(bench: Bench, name: str, *, write: bool) -> bool:
    """Make one measurement; return whether no bar was missed."""
    module = import_module(f"benchmarks.measurements.{name}")
    figures: list[Figure] = list(module.measure(bench))
    server = bench.ask(bench.maintenance, "SHOW server_version")
    sizes = "".join(f"{size} {getattr(bench, size):,}, " for size in module.SIZES)
    how = sizes + results.surroundings(server)
    print(f"\n{module.TITLE}\n{how}\n{as_text(figures)}", flush=True)
    if write:
        results.write(name, module.TITLE, how, figures)
    return not any(figure.is_missed for figure in figures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", type=_names, default=NAMES, help=", ".join(NAMES))
    parser.add_argument("--rows", type=int, default=200_000, help="records of a load (200000)")
    parser.add_argument("--runs", type=int, default=5, help="alternating runs (5)")
    parser.add_argument("--many", type=int, default=2_000_000, help="of growth (2000000)")
    parser.add_argument("--queried", type=int, default=1_000_000, help="of queries (1000000)")
    parser.add_argument("--clients", type=int, default=10, help="of queries (10)")
    parser.add_argument(
        "--no-write", dest="write", action="store_false", help="leave RESULTS.md as it is"
    )
    return parser


def _names(text: str) -> list[str]:
    names = text.replace(",", " ").split()
    if unknown := sorted(set(names) - set(NAMES)):
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(unknown)}; known are {', '.join(NAMES)}"
        )
    return names


if __name__ == "__main__":
    main()
