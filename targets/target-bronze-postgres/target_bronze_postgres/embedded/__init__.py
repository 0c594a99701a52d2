"""An embedded PostgreSQL: a private server for people who have none, on loopback only.

What lies in its home folder (0700):

    data/        the cluster; nothing else writes there
    data.new/    a cluster that is being made; renamed to ``data`` once it is whole
    lock         held while the server is started or stopped, by one process at a time
    alive        locked by the server's own processes, for as long as one of them lives
    port         the port on 127.0.0.1, picked once
    pgpass       the password, in the format of PGPASSFILE (0600)
    server.log   the server's messages; cut when it grows over its limit
    upgrade/     a cluster of a newer major version that is being made, and the servers for that
    data.17/     the cluster that an upgrade left behind, for the user to remove

**Is it running?** The server's processes inherit a locked descriptor of ``alive``. The kernel
lets go of that lock when the last of them ends, however it ends, so neither a number in
``postmaster.pid`` that another program has by now, nor a zombie, nor another container on the
same folder is ever mistaken for a server or overlooked. Then a login proves who answers: SCRAM
lets the server prove that it knows the password too.

**Who runs it?** PostgreSQL refuses root. An ordinary user runs it as himself. Root runs it as the
owner of the folder it lies in, so that ``sudo`` in a person's project leaves nothing behind that
is not his; in root's own folders, as ``nobody``. That account need not be able to enter the
folders above: the program inherits the open data folder and calls it ``/proc/self/fd/N``, so no
folder's mode is ever changed (nor does a long path or a strange character in it matter). Binaries
that the account cannot read are copied once to ``/var/lib/lakehouse``. Where root cannot become
another account (a sandbox that has no other), a user namespace gives root another number.
"""

from __future__ import annotations

from target_bronze_postgres.embedded.home import default_home
from target_bronze_postgres.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "default_home"]
