"""The target's command line, ``target-bronze-postgres`` or ``python -m target_bronze_postgres``."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the target. Until it loads, Ctrl-C ends it without a traceback, also while it imports."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from target_bronze_postgres.target import TargetBronzePostgres  # noqa: PLC0415 - takes a second

    TargetBronzePostgres.cli()


if __name__ == "__main__":
    main()
