"""Every error that this package raises on purpose.

    BronzeError                     one clear line for the user; the exit status is exit_code
    ├── SettingsError               a setting is missing, unknown or wrong: fix the setting
    ├── InputError                  stdin is not a Singer stream: fix the tap
    │   └── MissingSchemaError      a message of a stream comes before the stream's SCHEMA
    ├── ServerError                 the embedded server cannot be started, stopped or found
    ├── SchemaVersionError          the database's tables are newer or older than this program
    ├── DatabaseError               the database refused or went away, and retrying did not help
    │   ├── ConnectError            no connection could be had: password, server, database
    │   └── RightsError             the role lacks a right: the line says what to grant
    ├── BackupError                 a backup cannot be written, read or restored
    ├── TapError                    a tap that is read for a comparison cannot be started or read
    └── OutputError                 stdout was closed: what was read before it is committed

Messages never hold a secret or a record's contents: they go to logs.
"""

from __future__ import annotations


class BronzeError(Exception):
    """One clear line for the user: the cause and the mend."""

    exit_code = 1


class SettingsError(BronzeError):
    """A setting is missing, unknown or wrong."""


class InputError(BronzeError):
    """The input is not a Singer stream, or ended in the middle of a message."""


class MissingSchemaError(InputError):
    """A message of a stream comes before the stream's SCHEMA."""


class ServerError(BronzeError):
    """The embedded PostgreSQL cannot be started, stopped or found."""


class SchemaVersionError(BronzeError):
    """The bronze tables in the database are of another version than this program."""


class DatabaseError(BronzeError):
    """The database refused a statement, or went away and did not come back."""


class ConnectError(DatabaseError):
    """No connection to the database could be had."""


class RightsError(DatabaseError):
    """The database role lacks a right that loading needs."""


class BackupError(BronzeError):
    """A backup cannot be written, read or restored."""


class TapError(BronzeError):
    """A tap that is read for a comparison cannot be started, or does not end well."""


class OutputError(BronzeError):
    """Standard output was closed, so no STATE can be emitted any more."""
