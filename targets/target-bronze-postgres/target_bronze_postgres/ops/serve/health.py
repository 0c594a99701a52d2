"""``/health``: does the database answer, is everything fresh, is there room?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from target_bronze_postgres.ops import words

if TYPE_CHECKING:
    from target_bronze_postgres.ops.figures import Account
    from target_bronze_postgres.ops.serve.snapshot import Snapshot

PARTS: Final = {
    "database": ("database",),
    "freshness": ("landed", "freshness"),
    "disk": ("free_disk", "database_size"),
    "memory": ("free_memory",),
}
"""What ``/health`` looks at: its member, and the checks of ``bronze check`` that decide it."""


def document(snapshot: Snapshot) -> tuple[bool, bytes]:
    """Return whether all is well, and the answer as JSON."""
    bad = {
        part: [f.line for f in snapshot.findings if f.check in checks and f.ok is False]
        for part, checks in PARTS.items()
    }
    ok = not any(bad.values())
    found = snapshot.figures
    answer: dict[str, Any] = {
        "status": "ok" if ok else "failing",
        "at": found.at if found else None,
        "problems": [line for lines in bad.values() for line in lines],
        "database": {
            "ok": not bad["database"],
            "answer_seconds": round(snapshot.seconds, 4),
            "size_bytes": found.database_size if found else None,
        },
        "freshness": {"ok": found is not None and not bad["freshness"]},
        "sources": [_source(account, snapshot) for account in (found.known if found else ())],
        "disk": {
            "ok": not bad["disk"],
            "free_bytes": snapshot.machine.disk_free,
            "is_of_database": snapshot.machine.has_database,
        },
        "memory": {"ok": not bad["memory"], "free_bytes": snapshot.machine.memory_free},
    }
    return ok, words.as_json(answer).encode()


def _source(account: Account, snapshot: Snapshot) -> dict[str, Any]:
    """When a source last answered, and how its last run ended."""
    now = snapshot.figures.at if snapshot.figures else None
    last, run = account.last_answer, account.last_run
    late = {
        f.stream
        for f in snapshot.findings
        if f.check == "freshness"
        and f.ok is False
        and (f.source, f.account) == (account.source, account.account)
    }
    return {
        "source": account.source,
        "account": account.account,
        "ok": not late,
        "last_answer": last,
        "age_seconds": int((now - last).total_seconds()) if now and last else None,
        "last_run": run.status if run else None,
        "late_streams": sorted(str(name) for name in late),
    }
