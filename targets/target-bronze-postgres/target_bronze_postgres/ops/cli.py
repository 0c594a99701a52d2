"""The ``bronze`` command line."""

from __future__ import annotations

import click

from target_bronze_postgres.ops.backup.command import backup, restore
from target_bronze_postgres.ops.catalog import catalog
from target_bronze_postgres.ops.check import check
from target_bronze_postgres.ops.context import BronzeGroup, Context
from target_bronze_postgres.ops.db import db
from target_bronze_postgres.ops.dead_letters import dead_letters
from target_bronze_postgres.ops.heads.command import rebuild_heads
from target_bronze_postgres.ops.maintain import maintain
from target_bronze_postgres.ops.reconcile.command import reconcile
from target_bronze_postgres.ops.schedules.command import schedules
from target_bronze_postgres.ops.serve.command import serve
from target_bronze_postgres.ops.status import status


@click.group(cls=BronzeGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_files",
    multiple=True,
    metavar="FILE",
    help="JSON file of settings, the same as target-bronze-postgres takes; may be repeated.",
)
@click.version_option(package_name="lakehouse-target-bronze-postgres", prog_name="bronze")
@click.pass_context
def main(ctx: click.Context, config_files: tuple[str, ...]) -> None:
    """Look after the bronze layer: what has landed, and the database that holds it.

    The database is found as the target finds it: --config, TARGET_BRONZE_POSTGRES_*, PG_HOST and
    its like (environment or .env), libpq's own variables, else the embedded PostgreSQL.
    """
    ctx.obj = Context(config_files)


main.add_command(backup)
main.add_command(catalog)
main.add_command(check)
main.add_command(db)
main.add_command(dead_letters)
main.add_command(maintain)
main.add_command(rebuild_heads)
main.add_command(reconcile)
main.add_command(restore)
main.add_command(schedules)
main.add_command(serve)
main.add_command(status)

if __name__ == "__main__":
    main()
