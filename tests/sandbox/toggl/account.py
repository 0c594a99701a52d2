"""How an account changes between two runs of a tap: everything that a person does in Toggl.

Every method gives the record a new ``at`` where Toggl does, and only there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.sandbox.toggl import extras, records
from tests.sandbox.toggl.entry import Entry
from tests.sandbox.toggl.forms import US, offset_form, us, zulu_form
from tests.sandbox.toggl.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.sandbox.toggl.records import Record


class Account(Store):
    """A person's account, with the workspaces and colleagues that it can see."""

    # -- time entries

    def insert_entry(  # noqa: PLR0913 - all but the first two are named
        self,
        start: datetime,
        duration: timedelta | None = timedelta(hours=1),
        *,
        description: str | None = "inserted",
        workspace_id: int | None = None,
        project_id: int | None = None,
        task_id: int | None = None,
        tag_ids: Iterable[int] = (),
        billable: bool = False,
        user_id: int | None = None,
        at: datetime | None = None,
    ) -> Entry:
        """Add an entry, past or future; ``duration=None`` lets it run. ``at`` is now by default."""
        seconds, now = int(start.timestamp()), us(at or self.now())
        entry = Entry(
            id=self.new_id("entry"),
            workspace_id=workspace_id or self.workspace_id,
            user_id=user_id or self.user_id,
            start=seconds,
            stop=None if duration is None else seconds + int(duration.total_seconds()),
            description=description,
            project_id=project_id,
            task_id=task_id,
            billable=billable,
            tag_ids=tuple(tag_ids),
            at=now,
            created=now,
        )
        with self.lock:
            self.entries.add(entry)
        return entry

    def start_entry(self, **members: Any) -> Entry:
        """Start an entry now; it runs until :meth:`stop_entry`."""
        return self.insert_entry(self.now(), None, **members)

    def stop_entry(self, entry_id: int) -> Entry:
        """Stop a running entry now."""
        return self.edit_entry(entry_id, stop=int(self.now().timestamp()))

    def edit_entry(self, entry_id: int, *, touch: bool = True, **members: Any) -> Entry:
        """Set members of :class:`Entry`; ``touch=False`` keeps ``at`` as it was."""
        with self.lock:
            entry = self.entries.by_id[entry_id]
            for name, value in members.items():
                setattr(entry, name, value)
            if touch:
                entry.at = us(self.now())
            self.entries.changed()
        return entry

    def edit_entries(self, entry_ids: Iterable[int], **members: Any) -> None:
        """Edit many entries at once, as the web application's bulk edit does."""
        for entry_id in list(entry_ids):
            self.edit_entry(entry_id, **members)

    def move_entry(self, entry_id: int, start: datetime) -> Entry:
        """Give an entry another start; its duration stays."""
        entry, seconds = self.entries.by_id[entry_id], int(start.timestamp())
        stop = None if entry.stop is None else seconds + entry.seconds
        return self.edit_entry(entry_id, start=seconds, stop=stop)

    def delete_entry(self, entry_id: int) -> Entry:
        """Delete an entry: from now on only ``since`` shows it, with ``server_deleted_at``."""
        return self.edit_entry(entry_id, deleted_at=us(self.now()))

    # -- organizations, workspaces, people

    def add_organization(self, name: str, plan: str = "Free", *, owner: bool = True) -> Record:
        """Add an organization."""
        number = self.new_id("organization")
        found = records.organization(number, name, plan, us(self.now()), owner=owner)
        return self._added(self.organizations, number, found)

    def add_workspace(self, organization_id: int, name: str, *, admin: bool = True) -> Record:
        """Add a workspace, with the person in it."""
        number = self.new_id("workspace")
        found = records.workspace(number, organization_id, name, us(self.now()), admin=admin)
        self._added(self.workspaces, number, found)
        self.add_member(number, self.user_id, admin=admin, role=found["role"])
        self.set_plan(organization_id, self.organizations[organization_id]["pricing_plan_name"])
        return found

    def set_plan(self, organization_id: int, plan: str) -> None:
        """Give an organization another plan: ``Free``, ``Starter``, ``Premium``, ``Enterprise``."""
        with self.lock:
            numbers = {"pricing_plan_id": records.PLAN_IDS[plan], "pricing_plan_name": plan}
            self.organizations[organization_id] |= numbers
            paid, best = plan != "Free", plan in {"Premium", "Enterprise"}
            for workspace in self.workspaces.values():
                if workspace["organization_id"] == organization_id:
                    workspace |= {"premium": paid, "business_ws": best}

    def limit_history(self, days: int | None, *, announced: bool = True) -> None:
        """Let reports of all workspaces go back so many days, and no further; None for ever.

        ``announced=False`` keeps it out of ``max_data_retention_days``, where a tap would find it.
        """
        with self.lock:
            shown = days if announced else None
            for record in (*self.workspaces.values(), *self.organizations.values()):
                record["max_data_retention_days"] = shown
            self.retention_days = {} if days is None else dict.fromkeys(self.workspaces, days)

    def add_user(self, name: str) -> Record:
        """Add a colleague, who is no member of anything yet."""
        number = self.new_id("user")
        email = f"{name.split(maxsplit=1)[0].lower()}.{number}@example.org"
        return self._added(self.users, number, {"id": number, "fullname": name, "email": email})

    def add_member(self, workspace_id: int, user_id: int, **more: Any) -> Record:
        """Make a user a member of a workspace."""
        number, user = self.new_id("workspace_user"), self.users[user_id]
        found = extras.workspace_user(number, user, workspace_id, us(self.now()), **more)
        return self._added(self.workspace_users, number, found)

    def suspend(self, record: Record) -> None:
        """Suspend an organization or a workspace."""
        with self.lock:
            record["suspended_at"] = zulu_form(us(self.now()))
            self.touch(record)

    def delete(self, record: Record) -> None:
        """Delete an organization or a workspace: it stays in lists, with ``server_deleted_at``."""
        with self.lock:
            record["server_deleted_at"] = zulu_form(us(self.now()))
            self.touch(record)

    def change_zone(self, zone: str) -> None:
        """Set the profile's zone: the reports' days and offsets are in it from now on."""
        with self.lock:
            self.me["timezone"] = ZoneInfo(zone).key
            self.me["updated_at"] = zulu_form(us(self.now()))
            self.preferences["pg_time_zone_name"] = zone

    # -- clients, projects, tasks, tags

    def add_client(self, name: str, workspace_id: int | None = None) -> Record:
        """Add a client."""
        where, number = workspace_id or self.workspace_id, self.new_id("client")
        found = records.client(number, where, name, us(self.now()), self.user_id)
        return self._added(self.clients, number, found)

    def archive_client(self, client_id: int) -> None:
        """Archive a client: workspace lists hide it unless archived ones are asked for."""
        with self.lock:
            self.clients[client_id]["archived"] = True
            self.touch(self.clients[client_id])

    def delete_client(self, client_id: int) -> None:
        """Delete a client: its projects lose it."""
        with self.lock:
            self._deleted(self.clients[client_id])
            for project in self.projects.values():
                if project["client_id"] == client_id:
                    project |= {"client_id": None, "cid": None}

    def add_project(
        self, name: str, workspace_id: int | None = None, client_id: int | None = None, **more: Any
    ) -> Record:
        """Add an active project of the person's own; ``more`` sets any member.

        The workspace's ``at`` changes with it.
        """
        where, number = workspace_id or self.workspace_id, self.new_id("project")
        found = records.project(number, where, name, us(self.now()), client_id) | more
        self._added(self.projects, number, found)
        self.touch(self.workspaces[where])
        self.add_project_user(number, self.user_id, manager=True)
        return found

    def add_project_user(self, project_id: int, user_id: int, *, manager: bool = False) -> Record:
        """Make a user a member of a project."""
        number, at = self.new_id("project_user"), us(self.now())
        found = records.project_user(number, self.projects[project_id], user_id, at)
        return self._added(self.project_users, number, found | {"manager": manager})

    def leave_project(self, project_id: int, user_id: int | None = None) -> None:
        """End a membership, the person's by default: a private project is then out of sight."""
        with self.lock:
            left = project_id, user_id or self.user_id
            self.project_users = {
                number: one
                for number, one in self.project_users.items()
                if (one["project_id"], one["user_id"]) != left
            }

    def archive_project(self, project_id: int) -> None:
        """Archive a project: lists that ask for active ones hide it from now on."""
        with self.lock:
            self.projects[project_id] |= {"active": False, "status": "archived"}
            self.touch(self.projects[project_id])

    def delete_project(self, project_id: int) -> None:
        """Delete a project: its entries lose it and change their ``at``."""
        with self.lock:
            self.projects[project_id] |= {"active": False, "status": "deleted"}
            self._deleted(self.projects[project_id])
            mine = [entry.id for entry in self.entries if entry.project_id == project_id]
            self.edit_entries(mine, project_id=None, task_id=None)

    def add_task(self, name: str, project_id: int, **more: Any) -> Record:
        """Add a task to a project."""
        number, at = self.new_id("task"), us(self.now())
        found = records.task(number, self.projects[project_id], name, at) | more
        return self._added(self.tasks, number, found)

    def finish_task(self, task_id: int) -> None:
        """Mark a task as done: ``active`` is false from now on."""
        with self.lock:
            self.tasks[task_id]["active"] = False
            self.touch(self.tasks[task_id])

    def delete_task(self, task_id: int) -> None:
        """Delete a task: its entries lose it and change their ``at``."""
        with self.lock:
            self._deleted(self.tasks[task_id])
            mine = [entry.id for entry in self.entries if entry.task_id == task_id]
            self.edit_entries(mine, task_id=None)

    def add_tag(self, name: str, workspace_id: int | None = None) -> Record:
        """Add a tag."""
        where, number = workspace_id or self.workspace_id, self.new_id("tag")
        found = records.tag(number, where, name, us(self.now()), self.user_id)
        return self._added(self.tags, number, found)

    def delete_tag(self, tag_id: int) -> None:
        """Delete a tag: entries lose it, and their ``at`` does not change."""
        with self.lock:
            self._deleted(self.tags[tag_id])
            for entry in self.entries:
                if tag_id in entry.tag_ids:
                    entry.tag_ids = tuple(tag for tag in entry.tag_ids if tag != tag_id)
            self.entries.changed()

    def rename(self, record: Record, name: str, *, touch: bool = True) -> None:
        """Rename a client, project, task, tag or workspace; entries do not change."""
        with self.lock:
            record["name"] = name
            if touch:
                self.touch(record)

    def touch(self, record: Record) -> None:
        """Set ``at`` of a record to now, in the form that it had."""
        now = us(self.now())
        record["at"] = zulu_form(now) if record["at"].endswith("Z") else offset_form(now // US)

    def _deleted(self, record: Record) -> None:
        record["server_deleted_at"] = offset_form(us(self.now()) // US)
        self.touch(record)

    def _added(self, where: dict[int, Record], number: int, record: Record) -> Record:
        with self.lock:
            where[number] = record
        return record
