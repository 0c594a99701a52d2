"""``/``: the status page. Figures alone: no record, no setting, no script."""

from __future__ import annotations

import base64
import hashlib
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

from target_bronze_postgres.ops import judge, words
from target_bronze_postgres.ops.days import count
from target_bronze_postgres.ops.serve import calendar

if TYPE_CHECKING:
    from target_bronze_postgres.ops.figures import Account, Stream
    from target_bronze_postgres.ops.serve.snapshot import Snapshot

SHOWN_RUNS: Final = 5
_FILES: Final = resources.files("target_bronze_postgres.ops.serve")
STYLE: Final = (_FILES / "page.css").read_text("utf-8")
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""For the policy of the page: this style sheet, and no other one."""


def _environment() -> Environment:
    """Everything that is put into the page is escaped, and a name that is missing is an error."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: (_FILES / name).read_text("utf-8")),
    )
    environment.filters |= {
        "minute": words.minute,
        "percent": words.percent,
        "size": words.size,
        "age": words.age,
        "duration": words.duration,
        "plural": words.plural,
        "quota": words.quota,
    }
    return environment


_TEMPLATE: Final = _environment().get_template("page.html")


def render(snapshot: Snapshot) -> bytes:
    """Return the page."""
    found = snapshot.figures
    return _TEMPLATE.render(
        style=STYLE,
        snapshot=snapshot,
        figures=found,
        bad=judge.breaches(snapshot.findings),
        accounts=[_account(account, snapshot) for account in (found.known if found else ())],
        lost=found.lost_runs[:SHOWN_RUNS] if found else (),
        version=metadata.version("lakehouse-target-bronze-postgres"),
    ).encode()


def _account(account: Account, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "it": account,
        "key_ends_at": snapshot.rules.key_ends_at(account),
        "runs": account.runs[:SHOWN_RUNS],
        "streams": [_stream(stream, account, snapshot) for stream in account.streams],
    }


def _stream(stream: Stream, account: Account, snapshot: Snapshot) -> dict[str, Any]:
    fresh_for = snapshot.rules.fresh_for(stream, account)
    now = snapshot.figures.at if snapshot.figures else stream.last_load
    names = (stream.source, stream.account, stream.stream)
    days = stream.days
    return {
        "it": stream,
        "age": stream.age(now),
        "fresh_for": fresh_for.total_seconds() if fresh_for else None,
        "bad": {
            finding.check
            for finding in snapshot.findings
            if finding.ok is False and (finding.source, finding.account, finding.stream) == names
        },
        "days": days,
        "with_data": count(days.data),
        "empty": count(days.empty),
        "missing": count(days.missing),
        "years": calendar.years(days, now.date()),
    }
