"""The database: connecting, errors, limits and migrations."""
