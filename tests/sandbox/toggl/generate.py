"""Fills an account with years of a person's time: the same for the same seed and the same start.

A person tracks all day on weekdays, little on weekends, now and then past midnight, through changes
of the clock and while travelling. About one entry in ten is edited days later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.sandbox.toggl.entry import Entry
from tests.sandbox.toggl.forms import US, us, zulu_form
from tests.sandbox.toggl.options import Options
from tests.sandbox.toggl.preferences import preferences
from tests.sandbox.toggl.surroundings import Surroundings

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from tests.sandbox.person import Person
    from tests.sandbox.toggl.account import Account

__all__ = ["Generator", "Options"]

SATURDAY: Final = 5
HOUR: Final = 3600
DAY: Final = 86_400
SUBJECTS: Final = ("Billing", "Garden", "Handbook", "Newsletter", "Shop", "Survey", "Website")
WORK: Final = ("Plan", "Write", "Review", "Call", "Fix", "Read", "Meet", "Test", "Tidy")
TAGS: Final = ("deep", "call", "travel", "admin", "no, comma", "\N{HONEYBEE}", "on site")
DESCRIPTIONS: Final = (
    None,
    "",
    "Ünïcode \N{EN DASH} text",
    'with "quotes", and commas',
    "two\nlines",
)
ARCHIVED: Final = 5
"""Every fifth project is archived."""
IDS_A_DAY: Final = 200_000
IDS_SINCE: Final = date(2010, 1, 1)


@dataclass
class Place:
    """A workspace and what entries there may refer to."""

    workspace_id: int
    users: list[int]
    projects: list[int]
    tags: list[int]
    tasks: dict[int, list[int]]
    """By project."""
    paid: bool


class Generator:
    """Fills one account, and goes on filling it when time has moved."""

    def __init__(self, account: Account, person: Person, options: Options) -> None:
        """Prepare the data of a person for an account."""
        self.account, self.person, self.options = account, person, options
        self.tracked_until = person.first_day - timedelta(days=1)
        """The last day that has all its entries."""
        self.places: list[Place] = []
        self._chance = person.random("toggl")

    def fill(self) -> None:
        """Make everything that exists at the start."""
        now = self.account.now()
        self.account.acting_at = self.person.at(self.person.first_day, 0)
        self._profile()
        self._workspaces()
        Surroundings(self).fill()
        self.account.acting_at = None
        self.track(now)
        if self.options.running:
            self._running(now)
        for ahead in range(self.options.future):
            self._planned(now, ahead)

    def track(self, until: datetime | None = None) -> None:
        """Go on tracking, up to now by default: adds what ended by then and is not there yet."""
        with self.account.lock:
            self._track(until or self.account.now())

    def _track(self, until: datetime) -> None:
        end, known = int(until.timestamp()), self.account.entries.by_id
        day, last = self.tracked_until, until.date() + timedelta(days=1)
        while day < last:
            day += timedelta(days=1)
            for entry in self._day(day):
                if (entry.stop or 0) < end and entry.id not in known:
                    # An edit that is still to come has not happened.
                    entry.at = entry.at if entry.at < end * US else entry.created
                    self.account.entries.add(entry)
        # Zones and nights: entries of the last days may end after this moment.
        self.tracked_until = until.date() - timedelta(days=2)

    def tick(self) -> None:
        """Let some time pass between two things that are made, so that times have fractions."""
        if self.account.acting_at:
            microseconds = self._chance.choice((1, 1_000, 100_000, 1_000_000))
            step = timedelta(microseconds=self._chance.randint(1, 5_000) * microseconds)
            self.account.acting_at += step

    def _profile(self) -> None:
        self.tick()
        person, when = self.person, zulu_form(us(self.account.now()))
        number = self.account.new_id("user")
        self.account.users[number] = {"id": number, "fullname": person.name, "email": person.email}
        self.account.preferences = preferences(person.zone)
        self.account.me = {
            "id": number,
            "api_token": f"{person.random('token').getrandbits(128):032x}",
            "email": person.email,
            "fullname": person.name,
            "timezone": person.zone,
            "toggl_accounts_id": f"{person.random('accounts').getrandbits(88):022X}",
            "default_workspace_id": None,
            "beginning_of_week": 1,
            "image_url": "https://assets.track.toggl.com/images/profile.png",
            "created_at": when,
            "updated_at": when,
            "openid_email": None,
            "openid_enabled": False,
            "country_id": None,
            "has_password": True,
            "at": when,
            "intercom_hash": f"{person.random('intercom').getrandbits(256):064x}",
            "oauth_providers": [],
            "authorization_updated_at": when,
        }

    def _workspaces(self) -> None:
        first, *others = range(self.options.workspaces)
        owner = self.person.name.split()[0]
        own = self.account.add_organization(f"{owner}'s organization", self.options.plan)
        self._place(own["id"], f"{owner}'s workspace", first)
        self.account.me["default_workspace_id"] = self.places[0].workspace_id
        for number in others[:-1]:
            self._place(own["id"], f"Workspace {number}", number)
        if others:
            firm = self.account.add_organization("Example & Sons", self.options.plan, owner=False)
            self._place(firm["id"], "The firm", others[-1], admin=False)

    def _place(self, organization_id: int, name: str, number: int, *, admin: bool = True) -> None:
        account, options = self.account, self.options
        workspace = account.add_workspace(organization_id, name, admin=admin)
        where, paid = workspace["id"], workspace["premium"]
        workspace |= {"default_hourly_rate": 80.0} if paid else {}
        clients = [self._client(where, f"Client {number}-{n}") for n in range(options.clients)]
        if clients:
            account.archive_client(clients[-1])
        projects = [self._project(where, n, clients) for n in range(options.projects)]
        tags = [account.add_tag(_tag(n), where)["id"] for n in range(options.tags)]
        tasks = {one: self._tasks(one) for one in projects} if paid else {}
        users = [account.user_id]
        self.places.append(Place(where, users, projects, tags, tasks, paid))

    def _client(self, workspace_id: int, name: str) -> int:
        self.tick()
        return int(self.account.add_client(name, workspace_id)["id"])

    def _project(self, workspace_id: int, number: int, clients: list[int]) -> int:
        self.tick()
        client = clients[number % len(clients)] if clients and number % 3 else None
        name = f"{SUBJECTS[number % len(SUBJECTS)]} {number:03}"
        found = self.account.add_project(name, workspace_id, client)
        if number % ARCHIVED == ARCHIVED - 1:
            self.account.archive_project(found["id"])
        return int(found["id"])

    def _tasks(self, project_id: int) -> list[int]:
        """Make two tasks of a project; the second is done."""
        tasks = [self.account.add_task(name, project_id)["id"] for name in ("First", "Second")]
        self.account.finish_task(tasks[-1])
        return tasks

    def _day(self, day: date) -> Iterator[Entry]:
        """Make the entries of one day; their ids follow from the day, so they stay the same."""
        options = self.options
        own = self._entries(day, self.account.user_id, options.entries_per_day, self.places)
        numbers = range(IDS_A_DAY)
        for number, entry in zip(numbers[::10], own, strict=False):
            yield self._numbered(entry, day, number)
        shared = self.places[-1]
        for nth, user_id in enumerate(shared.users[1:], start=1):
            others = self._entries(day, user_id, options.colleague_entries_per_day, [shared])
            for number, entry in zip(numbers[nth::10], others, strict=False):
                yield self._numbered(entry, day, number)

    @staticmethod
    def _numbered(entry: Entry, day: date, number: int) -> Entry:
        entry.id = 3_000_000_000 + (day - IDS_SINCE).days * IDS_A_DAY + number
        return entry

    def _entries(
        self, day: date, user_id: int, per_day: float, places: list[Place]
    ) -> Iterator[Entry]:
        chance = self.person.random("toggl", user_id, day)
        count = int(per_day * (0.5 if day.weekday() >= SATURDAY else 1.2) + chance.random())
        begin = us(self.person.at(day, 8 * HOUR)) // US + chance.randint(-HOUR, HOUR)
        # Few entries are spread over the day; the last one may end after midnight.
        slot = max(1, (15 if chance.random() < 0.1 else 11) * HOUR // max(count, 1))
        for number in range(count):
            where = places[-1] if chance.random() < 0.6 else chance.choice(places)
            yield self._entry(chance, user_id, begin + number * slot, slot, where)

    def _entry(
        self, chance: random.Random, user_id: int, begin: int, slot: int, where: Place
    ) -> Entry:
        start = begin + int(chance.random() * slot * 0.2)
        stop = start + max(1, int(chance.random() * slot * 0.8))
        made = stop * US + int(chance.random() * US)
        edited = int(chance.random() * 3 * DAY * US) if chance.random() < 0.1 else 0
        project = (
            chance.choice(where.projects) if where.projects and chance.random() < 0.85 else None
        )
        tasks = where.tasks.get(project or 0)
        return Entry(
            id=0,
            workspace_id=where.workspace_id,
            user_id=user_id,
            start=start,
            stop=stop,
            description=_description(chance),
            project_id=project,
            task_id=chance.choice(tasks) if tasks and chance.random() < 0.4 else None,
            billable=where.paid and chance.random() < 0.3,
            tag_ids=_some_tags(chance, where.tags),
            at=made + edited,
            created=made,
            shared_with=self._shared_with(chance, where),
        )

    def _shared_with(self, chance: random.Random, where: Place) -> list[dict[str, object]]:
        if len(where.users) == 1 or chance.random() > 0.02:
            return []
        user = self.account.users[where.users[1]]
        return [{"user_id": user["id"], "user_name": user["fullname"], "accepted": True}]

    def _running(self, now: datetime) -> None:
        entry = self.account.insert_entry(now - timedelta(minutes=7), None, description="running")
        entry.at = entry.created = entry.start * US

    def _planned(self, now: datetime, ahead: int) -> None:
        start = now + timedelta(days=1 + 5 * ahead / max(1, self.options.future - 1))
        self.account.insert_entry(start, description=f"planned {ahead}", at=now)


def _tag(number: int) -> str:
    return TAGS[number] if number < len(TAGS) else f"tag {number}"


def _some_tags(chance: random.Random, tags: list[int]) -> tuple[int, ...]:
    if not tags or chance.random() > 0.4:
        return ()
    return tuple(chance.sample(tags, 2 if len(tags) > 1 and chance.random() < 0.2 else 1))


def _description(chance: random.Random) -> str | None:
    if chance.random() < 0.1:
        return chance.choice(DESCRIPTIONS)
    return f"{chance.choice(WORK)} {chance.choice(SUBJECTS).lower()}"
