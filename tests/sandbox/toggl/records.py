"""The API's records of all but time entries, as plain objects with their members in order."""

from __future__ import annotations

from typing import Any, Final

from tests.sandbox.toggl.forms import US, offset_form, zulu_form

STARS: Final = "*" * 32
"""What a workspace shows in place of its API token."""

Record = dict[str, Any]


def organization(number: int, name: str, plan: str, at: int, *, owner: bool) -> Record:
    """Return an organization; ``at`` is in microseconds, like all times of this module."""
    return {
        "id": number,
        "name": name,
        "pricing_plan_id": PLAN_IDS[plan],
        "pricing_plan_name": plan,
        "pricing_plan_enterprise": False,
        "created_at": zulu_form(at),
        "at": zulu_form(at),
        "server_deleted_at": None,
        "is_multi_workspace_enabled": False,
        "suspended_at": None,
        "user_count": 1,
        "trial_info": {
            "trial": False,
            "trial_available": True,
            "trial_end_date": None,
            "next_payment_date": None,
            "last_pricing_plan_id": None,
            "can_have_trial": True,
            "trial_plan_id": None,
        },
        "is_unified": True,
        "max_workspaces": 20,
        "max_data_retention_days": None,
        "admin": owner,
        "owner": owner,
        "permissions": None,
    }


PLAN_IDS: Final = {"Free": 0, "Starter": 1, "Premium": 3, "Enterprise": 5}


def workspace(number: int, organization_id: int, name: str, at: int, *, admin: bool) -> Record:
    """Return a workspace, with its secrets."""
    return {
        "id": number,
        "organization_id": organization_id,
        "name": name,
        "profile": 0,
        "premium": False,
        "business_ws": False,
        "admin": admin,
        "role": "admin" if admin else "user",
        "suspended_at": None,
        "server_deleted_at": None,
        "default_hourly_rate": None,
        "rate_last_updated": None,
        "default_currency": "USD",
        "only_admins_may_create_projects": False,
        "only_admins_may_create_tags": False,
        "only_admins_see_billable_rates": False,
        "only_admins_see_team_dashboard": False,
        "projects_billable_by_default": True,
        "projects_private_by_default": True,
        "projects_enforce_billable": False,
        "limit_public_project_data": False,
        "last_modified": f"{zulu_form(at)[:10]}T00:00:00Z",
        "reports_collapse": True,
        "rounding": 1,
        "rounding_minutes": 0,
        "api_token": STARS,
        "at": offset_form(at // US),
        "logo_url": "https://assets.track.toggl.com/images/workspace.jpg",
        "ical_url": f"/ical/workspace_user/{number:032x}",
        "ical_enabled": True,
        "csv_upload": None,
        "subscription": None,
        "hide_start_end_times": False,
        "working_hours_in_minutes": None,
        "active_project_count": 0,
        "max_data_retention_days": None,
        "te_constraints": {"time_entry_constraints_enabled": False},
        "permissions": None,
    }


def client(number: int, workspace_id: int, name: str, at: int, creator_id: int) -> Record:
    """Return a client: ``wid`` alone, no ``workspace_id``."""
    return {
        "id": number,
        "wid": workspace_id,
        "archived": False,
        "name": name,
        "at": offset_form(at // US),
        "creator_id": creator_id,
    }


def project(number: int, workspace_id: int, name: str, at: int, client_id: int | None) -> Record:
    """Return an active, private project; the counts of time are filled in when it is asked for."""
    when = offset_form(at // US)
    return {
        "id": number,
        "workspace_id": workspace_id,
        "client_id": client_id,
        "name": name,
        "is_private": True,
        "active": True,
        "at": when,
        "created_at": when,
        "server_deleted_at": None,
        "color": COLORS[number % len(COLORS)],
        "billable": None,
        "template": None,
        "auto_estimates": None,
        "estimated_hours": None,
        "estimated_seconds": None,
        "rate": None,
        "rate_last_updated": None,
        "currency": None,
        "recurring": False,
        "template_id": None,
        "recurring_parameters": None,
        "fixed_fee": None,
        "actual_hours": None,
        "actual_seconds": None,
        "tasks_count": None,
        "can_track_time": True,
        "start_date": when[:10],
        "status": "active",
        "wid": workspace_id,
        "cid": client_id,
        "is_shared": False,
        "pinned": False,
        "permissions": None,
    }


COLORS: Final = ("#0b83d9", "#9e5bd9", "#d94182", "#e36a00", "#bf7000", "#2da608", "#c9806b")


def tag(number: int, workspace_id: int, name: str, at: int, creator_id: int) -> Record:
    """Return a tag."""
    return {
        "id": number,
        "workspace_id": workspace_id,
        "name": name,
        "at": zulu_form(at),
        "creator_id": creator_id,
        "permissions": None,
    }


def task(number: int, project: Record, name: str, at: int) -> Record:
    """Return a task; ``tracked_seconds``, filled in when it is asked for, is in milliseconds."""
    return {
        "id": number,
        "name": name,
        "workspace_id": project["workspace_id"],
        "project_id": project["id"],
        "user_id": None,
        "recurring": False,
        "active": True,
        "at": offset_form(at // US),
        "server_deleted_at": None,
        "estimated_seconds": None,
        "tracked_seconds": 0,
        "rate": None,
        "rate_last_updated": None,
        "toggl_accounts_id": None,
        "permissions": None,
    }


def project_user(number: int, project: Record, user_id: int, at: int) -> Record:
    """Return a membership of a project."""
    return {
        "id": number,
        "project_id": project["id"],
        "user_id": user_id,
        "workspace_id": project["workspace_id"],
        "manager": False,
        "rate": None,
        "rate_last_updated": None,
        "labor_cost": None,
        "labor_cost_last_updated": None,
        "at": offset_form(at // US),
        "group_id": None,
        "gid": None,
    }
