"""``bronze rebuild-heads``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from target_bronze_postgres.db.migrations import check_version
from target_bronze_postgres.ops.heads.places import places
from target_bronze_postgres.ops.heads.rebuild import rebuild

if TYPE_CHECKING:
    from target_bronze_postgres.ops.context import Context
    from target_bronze_postgres.ops.heads.rebuild import Mended


@click.command()
@click.argument("source", required=False)
@click.pass_obj
def rebuild_heads(context: Context, *, source: str | None) -> None:
    """Make the heads, and the counters of catalog and calendar, anew from the bronze tables.

    A head says which row is a record's newest version; the views bronze_<source>_latest and the
    loader rely on it. Heads that agree with their rows are left alone. Loaders of a source wait
    meanwhile, readers do not. Without SOURCE all sources are done, each in its own transaction.
    """
    with context.connect() as connection:
        found = places(connection, source) if check_version(connection) else []
        if not found:
            click.echo(f"{context.target.label}: nothing loaded yet")
        for place in found:
            click.echo(f"{place.source}: {_words(rebuild(connection, place))}")


def _words(mended: Mended) -> str:
    heads = f"{mended.lineages:,} records"
    if mended.is_right:
        return f"{heads}, every head and every counter was right: nothing was changed"
    return (
        f"{heads}; heads mended: {mended.missing:,} missing, {mended.wrong:,} wrong, "
        f"{mended.superfluous:,} without rows; counters mended: {mended.counters:,}"
    )
