"""What every verb of ``bronze`` shares: the settings, the database and how trouble is reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
import psycopg

from target_bronze_postgres.db import sqlstate
from target_bronze_postgres.db.connect import connect
from target_bronze_postgres.errors import BronzeError, DatabaseError, RightsError
from target_bronze_postgres.settings import (
    Settings,
    load_settings,
    read_config,
    resolve_database,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bronze_postgres.settings import DatabaseTarget


@dataclass
class Context:
    """The settings of one call, read when a verb first needs them.

    Attributes:
        config_files: What ``--config`` names; of several, the later ones win.
    """

    config_files: Sequence[str] = field(default=())

    @cached_property
    def settings(self) -> Settings:
        """All settings.

        Raises:
            SettingsError: A setting or a config file is wrong.
        """
        return load_settings(read_config(self.config_files))

    @cached_property
    def target(self) -> DatabaseTarget:
        """The database that the settings name.

        Raises:
            SettingsError: They name none that can be read.
        """
        return resolve_database(self.settings)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to the database.

        Raises:
            ConnectError: No connection was had.
        """
        return connect(self.target, application_name="bronze")


class BronzeGroup(click.Group):
    """A group of verbs whose errors are one line each and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; tracebacks stay for errors that nobody foresaw."""
        try:
            return super().invoke(ctx)
        except BronzeError as error:
            raise one_line(error) from error
        except psycopg.Error as error:
            context = ctx.find_object(Context)
            label = context.target.label if context else "the database"
            raise one_line(database_error(error, label)) from error


def database_error(error: psycopg.Error, label: str) -> DatabaseError:
    """What the server said, as one of this package's errors."""
    text = error.diag.message_primary or str(error)
    if error.sqlstate in sqlstate.RIGHTS:
        return RightsError(f"{label}: {text}: ask its owner to GRANT the right")
    return DatabaseError(f"{label}: {text}")


def one_line(error: BronzeError) -> click.ClickException:
    """Return an error as the command line tells it: one line, exit status 1."""
    return click.ClickException(" ".join(str(error).split()))
