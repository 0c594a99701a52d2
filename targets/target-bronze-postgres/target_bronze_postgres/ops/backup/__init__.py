r"""Backups: one file that holds the whole bronze layer, and the way back from it.

A backup is a tar archive, compressed by Zstandard, that holds

    manifest.json           what is in it: version of the tables, sources, months, columns, rights
    data/<table>/000001     rows in the text format of COPY, some megabytes a member
    totals.json             rows and hash of each table, sequences
    SHA256SUMS              of all members before it, as ``sha256sum --check`` reads it

so that ``tar --zstd -xf`` and ``\copy`` read it on the day when this program is no more. The last
40 bytes are a skippable frame of Zstandard with the SHA-256 of all bytes before it.

With a passphrase the file is a tar archive of ``key.age`` (a key of age, encrypted with the
passphrase) and ``backup.tar.zst.age`` (the backup, encrypted to that key): ``age -d -i key.age``
reads it, https://age-encryption.org.

The hash of a table is the sum, modulo 2^128, of the blake2b-128 of its rows, so that their order
does not matter.

Not by pg_dump: it takes either the tables of a pattern or a schema with its functions, not both;
it refuses a server that is newer than itself; and the one beside the embedded server has no TLS.

``dump.py`` writes and ``restore.py`` reads; ``archive.py`` and ``encryption.py`` are the file,
``tables.py`` and ``rights.py`` the database, ``folder.py`` names, replaces and removes files.
"""
