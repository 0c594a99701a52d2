"""What the generated account is like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Numbers and kinds of what the generator makes."""

    entries_per_day: float = 10
    """Of the person, on average over all days."""
    workspaces: int = 3
    """If there are more than one, the last belongs to another organization, is shared with
    colleagues, and the person is no admin there."""
    colleagues: int = 2
    """In the shared workspace; one more is invited and has not joined."""
    colleague_entries_per_day: float = 3
    """Of each of them."""
    projects: int = 8
    """In each workspace; every fifth is archived. More than 151 need a second page."""
    clients: int = 4
    """In each workspace; the last one is archived."""
    tags: int = 6
    """In each workspace."""
    plan: str = "Free"
    """``Free``, ``Starter``, ``Premium`` or ``Enterprise``, of all organizations."""
    running: bool = True
    """Whether an entry runs at the start."""
    future: int = 2
    """Entries planned ahead: the first for tomorrow, the last in 6 days."""
