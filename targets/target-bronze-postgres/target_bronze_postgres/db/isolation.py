"""libpq parameters that keep its environment variables out of a connection to our own server."""

from __future__ import annotations

from typing import Final

from psycopg import pq

OWN: Final = {
    "options": " ",
    # A program that has taken the server's port cannot ask for the password in clear.
    "require_auth": "scram-sha-256",
    # No TLS on loopback, so there is nothing to bind to or to encrypt.
    "gssencmode": "disable",
    "channel_binding": "disable",
}
# The embedded server's parameters are complete: what PGSSLMODE, PGOPTIONS and the like say is meant
# for other servers. Empty values would not overrule them. Older libpqs know fewer keywords.
ISOLATED: Final = {
    keyword: value
    for option in pq.Conninfo.get_defaults()
    if option.envvar
    and (keyword := option.keyword.decode())
    and (value := OWN.get(keyword) or (option.compiled or b"").decode())
}
"""Keyword to value, for everything that a variable can set; a connection's own come on top."""
