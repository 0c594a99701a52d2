"""Limits of PostgreSQL that a record can meet, in one place.

Measured on PostgreSQL 15 to 18; see also https://www.postgresql.org/docs/current/limits.html and
https://www.postgresql.org/docs/current/datatype-numeric.html.
"""

NUMERIC_INTEGER_DIGITS = 131_072
"""Digits before the decimal point that a NUMERIC, and so a JSONB number, holds."""

NUMERIC_FRACTION_DIGITS = 16_383
"""Digits after the decimal point likewise."""

NUMERIC_EXPONENT = 1_073_741_822
"""Largest exponent that NUMERIC reads; it matters for zeros alone, as in ``0e1073741823``."""

JSONB_BYTES = 268_435_455
"""Bytes of one JSONB string, and of the elements of one array or object together."""

JSON_DEPTH = 500
"""Levels of nesting that are stored: what every supported Python decodes."""

BIGINT = (-(2**63), 2**63 - 1)
"""Smallest and largest BIGINT."""

NAME_BYTES = 500
"""Longest name of a source, account or stream; three of them share a b-tree entry."""

LINEAGE_ID_BYTES = 200
"""Longest lineage_id; a b-tree entry holds about 2,700 bytes."""
