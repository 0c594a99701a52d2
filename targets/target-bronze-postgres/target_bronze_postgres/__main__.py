"""The target's command line, ``target-bronze-postgres`` or ``python -m target_bronze_postgres``."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Run the target. Until it loads, Ctrl-C ends it without a traceback, also while it imports.

    The SDK has all of the command line, and its own way to set up logs. A plain load, as Meltano
    and pipes start it, does without and starts a second earlier.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    files = plain_load(sys.argv[1:])
    if files is None or "SINGER_SDK_LOG_CONFIG" in os.environ:
        from target_bronze_postgres.target import TargetBronzePostgres  # noqa: PLC0415 - see above

        TargetBronzePostgres.cli()
    else:
        from target_bronze_postgres import pipe  # noqa: PLC0415 - see above

        pipe.main(files)


def plain_load(arguments: Sequence[str]) -> list[str] | None:
    """Return what the ``--config`` options name, None where there is anything else."""
    files = []
    left = iter(arguments)
    for argument in left:
        option, is_whole, value = argument.partition("=")
        file = value if is_whole else next(left, "")
        if option != "--config" or not file or file.startswith("-"):
            return None
        files.append(file)
    return files


if __name__ == "__main__":
    main()
