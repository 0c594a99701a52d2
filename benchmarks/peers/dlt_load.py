"""Appends the records of a file of Singer messages with dlt; run in dlt's own environment."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import dlt  # type: ignore[import-not-found] # only its own environment has it

if TYPE_CHECKING:
    from collections.abc import Iterator


def records(path: str) -> Iterator[dict[str, Any]]:
    """Yield the records, as a source of one's own would."""
    with open(path, "rb") as file:  # noqa: PTH123 - as short as it can be
        for line in file:
            message = json.loads(line)
            if message["type"] == "RECORD":
                yield message["record"]


pipeline = dlt.pipeline("bench", destination="postgres", dataset_name="bench")
resource = dlt.resource(records(sys.argv[1]), name="time_entries_history", max_table_nesting=0)
pipeline.run(resource, write_disposition="append", loader_file_format="csv")
