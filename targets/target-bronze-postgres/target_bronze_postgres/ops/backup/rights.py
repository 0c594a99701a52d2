"""Roles and rights of a backup: who may do what with the tables, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Connection = psycopg.Connection[Any]

ROLES: Final = ("bronze_loader", "bronze_reader")
PRIVILEGES: Final = frozenset(
    {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "TRIGGER",
        "MAINTAIN",
        "USAGE",
        "CREATE",
    }
)
_MEMBERS = """
    SELECT r.rolname, m.rolname FROM pg_auth_members AS a
    JOIN pg_roles AS r ON r.oid = a.roleid JOIN pg_roles AS m ON m.oid = a.member
    WHERE r.rolname = ANY (%s) AND m.rolname <> current_user ORDER BY 1, 2
"""
# The tables, their sequences and views, and the columns of all; and their schemas.
_GRANTS = """
    WITH relations AS (
        SELECT c.oid, n.nspname, c.relname, c.relkind, c.relacl, c.relowner
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE (n.nspname = 'bronze_ops' AND c.relkind IN ('r', 'S'))
           OR EXISTS (SELECT FROM bronze_ops.sources AS s WHERE s.schema_name = n.nspname
                      AND c.relname IN (s.table_name, s.table_name || '_latest',
                                        s.table_name || '_id_seq'))
    ), grants AS (
        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
               nspname, relname, NULL AS attname, relowner AS owner, a.*
        FROM relations, aclexplode(relacl) AS a
        UNION ALL
        SELECT 'TABLE', nspname, relname, attname, relowner, a.*
        FROM relations JOIN pg_attribute ON attrelid = oid, aclexplode(attacl) AS a
        WHERE attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT 'SCHEMA', nspname, NULL, NULL, nspowner, a.*
        FROM pg_namespace, aclexplode(nspacl) AS a
        WHERE nspname IN (SELECT nspname FROM relations) AND nspname <> 'public'
    )
    SELECT kind, nspname::text, relname::text, attname::text, privilege_type,
           CASE WHEN grantee <> 0 THEN pg_get_userbyid(grantee)::text END, is_grantable
    FROM grants WHERE grantee <> owner
    ORDER BY 1, 2, 3, 4, 5, 6
"""
_ROLE = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) ORDER BY 1"


class Grant(msgspec.Struct, frozen=True):
    """One right; ``role`` is None for PUBLIC."""

    kind: str
    schema: str
    relation: str | None
    column: str | None
    privilege: str
    role: str | None
    grantable: bool

    @property
    def statement(self) -> sql.Composed:
        """The GRANT that gives it.

        Raises:
            ValueError: It is none that this program knows.
        """
        if self.privilege not in PRIVILEGES or self.kind not in {"TABLE", "SEQUENCE", "SCHEMA"}:
            raise ValueError(f"an unknown right, {self.privilege} on {self.kind}")
        parts = (self.schema, self.relation) if self.relation else (self.schema,)
        column = sql.SQL("({})").format(sql.Identifier(self.column)) if self.column else sql.SQL("")
        return sql.SQL("GRANT {}{} ON {} {} TO {}{}").format(
            sql.SQL(self.privilege),
            column,
            sql.SQL(self.kind),
            sql.Identifier(*parts),
            sql.Identifier(self.role) if self.role else sql.SQL("PUBLIC"),
            sql.SQL(" WITH GRANT OPTION" if self.grantable else ""),
        )


class Rights(msgspec.Struct, frozen=True):
    """The project's own roles that are there, who is in them, and all rights."""

    roles: tuple[str, ...] = ()
    members: tuple[tuple[str, str], ...] = ()
    grants: tuple[Grant, ...] = ()


def rights(conn: Connection) -> Rights:
    """Return the rights as they are."""
    roles = _known(conn, ROLES)
    members = conn.execute(_MEMBERS, (list(ROLES),)).fetchall()
    grants = [Grant(*row) for row in conn.execute(_GRANTS)]
    return Rights(tuple(roles), tuple(members), tuple(grants))


def make_roles(conn: Connection, wanted: Rights) -> Iterator[str]:
    """Make the project's roles that are missing; yield a line where that is refused."""
    for role in wanted.roles:
        if not _known(conn, [role]) and not _try(
            conn, sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role))
        ):
            yield (
                f"role {role} is not here and may not be made: run `bronze db migrate --roles` as "
                "a role with CREATEROLE"
            )


def grant(conn: Connection, wanted: Rights) -> Iterator[str]:
    """Give members and rights back; yield a line for each role that is missing or refused."""
    named = {member for _, member in wanted.members} | {g.role for g in wanted.grants if g.role}
    here = set(_known(conn, named))
    for role, member in wanted.members:
        if {role, member} <= here | set(_known(conn, [role])):
            pair = map(sql.Identifier, (role, member))
            if not _try(conn, sql.SQL("GRANT {} TO {}").format(*pair)):
                yield f"role {member} may not be put into {role}: GRANT {role} TO {member}"
    refused = set()
    for one in wanted.grants:
        if (one.role is None or one.role in here) and not _try(conn, one.statement):
            refused.add(one.role or "PUBLIC")
    for role in sorted(refused):
        yield f"not all rights of role {role} could be given back: see them in manifest.json"
    for role in sorted(named - here - set(wanted.roles)):
        yield f"role {role} had rights and is not here: make it, then give it its rights again"


def _known(conn: Connection, names: Iterable[str]) -> list[str]:
    return [name for (name,) in conn.execute(_ROLE, (sorted(names),))]


def _try(conn: Connection, statement: sql.Composed) -> bool:
    """Run a statement; a refusal undoes nothing but itself."""
    try:
        with conn.transaction():
            conn.execute(statement)
    except psycopg.Error:
        return False
    return True
