"""The switches of the server: how Toggl behaves where it may behave in several ways.

Every one is a plain attribute of the server. README.md beside this file lists them by trap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime


class Switches:
    """Defaults are what everyone meets; a test sets others."""

    leaky_bucket = False
    """Whether more than one request in a second is answered with 429."""
    retry_after: int | None = None
    """Seconds that this 429 names in ``Retry-After``; None for no such header."""
    quota_body: Literal["json", "text", "object"] = "json"
    """The form of the quota's 402: a JSON string, plain text, or an object."""
    quota_headers = True
    """Whether answers tell what is left of the quota; in 2024 they did not."""
    quota_endpoint_costs = True
    """Whether ``/me/quota`` itself costs a request."""
    foreign_share = 0.0
    """Requests that another program of the same person makes for each of ours, in each bucket."""
    running_form: Literal["minus_one", "minus_epoch", "zero"] = "minus_one"
    """``duration`` of a running entry: -1, minus its start, or 0."""
    since_inclusive = True
    """Whether ``since`` finds what changed within that very second."""
    row_limit = 1000
    """Entries that one answer of ``/me/time_entries`` holds; the rest is cut without a word."""
    months_back = 3
    """How far back ``/me/time_entries`` may be asked."""
    null_for_empty = True
    """Whether an empty list of clients, projects, tags and so on is ``null``."""
    largest_page_size = 50
    """Rows of a report page at most; a larger ``page_size`` is cut without a word."""
    page_size_header: Literal["granted", "asked"] = "granted"
    """Whether ``X-Page-Size`` tells the rows that a page holds, or repeats what was asked."""
    retention_refusal: Literal["402", "empty"] = "402"
    """What a report gets that reaches behind the plan's retention: refused whole, or no rows."""
    long_range: Literal["400", "empty"] = "400"
    """What a report of more than a year gets."""
    first_id_bug = True
    """Whether ``first_id`` without ``first_timestamp`` finds no rows."""
    report_running = False
    """Whether reports show running entries, with ``stop`` null and ``seconds`` negative."""
    at_tz = True
    """Whether a report's entry has ``at_tz`` too, as since July 2024."""
    hides_archived_projects = True
    """Whether a workspace's projects are the active ones unless ``active`` is sent."""
    tag_deletion: Literal["server_deleted_at", "deleted_at"] = "server_deleted_at"
    """The member that tells when a tag was deleted."""
    tasks_refusal: int | None = None
    """What lists of tasks get on a plan without tasks: 402 or 403; None for ``null`` data."""
    admin_only: frozenset[str] = frozenset({"organization_users", "groups", "project_users"})
    """Lists that a plain member may not read (403); ``users`` and ``workspace_users`` may join."""
    moved_to_focus: datetime | None = None
    """When the account moved to Toggl Focus: entries that started later are not there."""
