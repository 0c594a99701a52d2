"""Makes what surrounds a person's time: colleagues, goals, the screen, what paid plans add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.sandbox.toggl import extras
from tests.sandbox.toggl.forms import US, us

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.toggl.generate import Generator, Place
    from tests.sandbox.toggl.records import Record

NAMES: Final = ("Dana Collega", "Noa Kollegin", "Sam Coworker", "Uli Kumpel", "Mika Mate")
TITLES: Final = ("report.odt", "Inbox (3)", "main.py \N{EN DASH} editor", "Calendar", "café & co")
SCREEN: Final = 900
"""Seconds between two things on the screen."""
FIRST_ON_SCREEN: Final = 8
LAST_ON_SCREEN: Final = 18


class Surroundings:
    """Fills an account that has its workspaces already."""

    def __init__(self, generator: Generator) -> None:
        """Prepare it for a generator's account."""
        self._generator, self._account = generator, generator.account
        self._person = generator.person

    def fill(self) -> None:
        """Make everything."""
        places = self._generator.places
        if len(places) > 1:
            self._colleagues(places[-1])
        for place in places:
            self._personal(place)
        for place in places:
            if place.paid:
                self._paid(place)
        self._account.timeline = self._timeline

    def _now(self) -> int:
        self._generator.tick()
        return us(self._account.now())

    def _colleagues(self, place: Place) -> None:
        """Make colleagues, a group of them, and projects that the person does not see (any more).

        Entries point to one that the person has left, so lists do not show it.
        """
        account, where = self._account, place.workspace_id
        for number in range(self._generator.options.colleagues):
            user = account.add_user(NAMES[number % len(NAMES)])
            boss = {"admin": True, "role": "admin", "role_id": 1} if number == 0 else {}
            account.add_member(where, user["id"], **boss)
            place.users.append(user["id"])
            for project in place.projects[:2]:
                account.add_project_user(project, user["id"])
        guest = account.add_user("Chris Invited")
        account.add_member(
            where, guest["id"], **extras.invitation(f"{self._secret('invitation'):x}")
        )
        left = account.add_project("Left behind", where)
        account.leave_project(left["id"])
        if place.projects:
            place.projects.append(left["id"])
        self._group(place)

    def _group(self, place: Place) -> None:
        account, number = self._account, self._account.new_id("group")
        users = [account.users[user] for user in place.users]
        found = extras.group(number, "Cool kids", [place.workspace_id], users, self._now())
        organization_id = account.workspaces[place.workspace_id]["organization_id"]
        account.groups[number] = organization_id, found

    def _personal(self, place: Place) -> None:
        account, where = self._account, place.workspace_id
        number = account.new_id("favorite")
        account.favorites[number] = extras.favorite(
            number, where, account.user_id, "start again", self._now()
        )
        number = account.new_id("goal")
        goal = extras.goal(number, where, account.user, "Ten hours a week", self._now())
        account.goals[number] = goal

    def _paid(self, place: Place) -> None:
        account, where = self._account, place.workspace_id
        number = account.new_id("rate")
        account.rates[number] = extras.rate(number, where, 80.0, self._now())
        for project in place.projects[:2]:
            number = account.new_id("rate")
            rate = extras.rate(number, where, 95.5, self._now(), project_id=project)
            account.rates[number] = rate
        self._saved(where)
        number = account.new_id("invoice")
        account.invoices[number] = extras.invoice(
            number, where, account.user_id, 1000.0, self._now()
        )
        number = account.new_id("expense")
        account.expenses[number] = extras.expense(number, where, account.user_id, 4990, self._now())

    def _saved(self, where: int) -> None:
        account, number = self._account, self._account.new_id("saved_report")
        token = f"{self._secret(f'report {where}'):032x}"
        saved = extras.saved_report(number, "My week", account.user_id, token, self._now())
        account.saved_reports[number] = where, saved
        number = account.new_id("scheduled_report")
        account.scheduled_reports[number] = extras.scheduled_report(
            number, saved, where, self._now()
        )

    def _secret(self, purpose: str) -> int:
        return self._person.random("secret", purpose).getrandbits(128)

    def _timeline(self, start: int, end: int) -> Iterator[Record]:
        """Make what was on the screen in working hours (UTC), a thing each quarter of an hour."""
        born = us(self._person.at(self._person.first_day, 0)) // US
        last = min(end, int(self._account.clock.now().timestamp()))
        for slot in range(-(-max(start, born) // SCREEN), last // SCREEN):
            begin = slot * SCREEN
            if FIRST_ON_SCREEN <= begin // 3600 % 24 < LAST_ON_SCREEN:
                chance = self._person.random("screen", slot)
                seconds = chance.randint(10, SCREEN - 1)
                title = chance.choice(TITLES)
                yield extras.timeline_event(slot * 7, begin, begin + seconds, title)
