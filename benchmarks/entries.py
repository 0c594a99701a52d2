"""Time entries as tap-toggl writes them: seeded, so that every run loads the same."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import IO, Any

_FIELDS = (
    *("id", "workspace_id", "project_id", "task_id", "billable", "start", "stop", "duration"),
    *("description", "tags", "tag_ids", "duronly", "at", "server_deleted_at", "user_id"),
    *("uid", "wid", "pid"),
)
_SCHEMA = {
    "type": "SCHEMA",
    "stream": "time_entries",
    "schema": {
        "type": "object",
        "properties": {
            field: {"type": ["integer", "string", "boolean", "array", "null"]} for field in _FIELDS
        },
    },
    "key_properties": ["id"],
    "bronze": {
        "tap": "tap-toggl 0.1.0",
        "source": "toggl",
        "account": "main",
        "parameters": {"start_date": "2020-01-01"},
        "source_timestamp": {"pointer": "/start", "form": "rfc3339"},
        "deleted": "/server_deleted_at",
        "api_version": "v9",
        "api_endpoint": "/me/time_entries",
    },
}
_PER_RESPONSE = 1_000
_PER_STATE = 5_000


def write_entries(file: IO[str], count: int) -> None:
    """Write a SCHEMA, ``count`` RECORD messages over about five years, and STATE messages."""
    dice = random.Random(1)  # noqa: S311 - a seed, so that runs compare
    _write(file, _SCHEMA)
    step = timedelta(days=5 * 365) / max(count, 1)
    for number in range(count):
        start = datetime(2020, 1, 1, tzinfo=UTC) + number * step
        response = number // _PER_RESPONSE
        message = {
            "type": "RECORD",
            "stream": "time_entries",
            "record": _entry(dice, number, start.replace(microsecond=0)),
            "time_extracted": f"2026-01-01T{response // 60 % 24:02}:{response % 60:02}:00Z",
            "bronze": {"api_request_id": f"request-{response}", "api_response_code": 200},
        }
        _write(file, message)
        if number % _PER_STATE == _PER_STATE - 1:
            _write(file, {"type": "STATE", "value": {"entries": number + 1}})


def _entry(dice: random.Random, number: int, start: datetime) -> dict[str, Any]:
    stop = start + timedelta(seconds=dice.randrange(60, 7_200))
    project = dice.randrange(1, 40)
    return {
        "id": 1_000_000 + number,
        "workspace_id": 123,
        "project_id": project,
        "task_id": None,
        "billable": dice.random() < 0.5,  # noqa: PLR2004 - a coin
        "start": start.isoformat(),
        "stop": stop.isoformat(),
        "duration": int((stop - start).total_seconds()),
        "description": f"Work on thing {dice.randrange(1_000)} naïve",
        "tags": ["office", f"tag {dice.randrange(9)}"],
        "tag_ids": [1, 10 + dice.randrange(9)],
        "duronly": True,
        "at": (stop + timedelta(seconds=5)).isoformat(),
        "server_deleted_at": None,
        "user_id": 77,
        "uid": 77,
        "wid": 123,
        "pid": project,
    }


def _write(file: IO[str], message: dict[str, Any]) -> None:
    file.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
    file.write("\n")
