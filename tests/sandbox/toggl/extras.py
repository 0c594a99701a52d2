"""Records of what fewer people have: members of a workspace, goals, what paid plans add.

Shapes are those of Toggl's own documents; times are given in microseconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.toggl.forms import US, zulu_form

if TYPE_CHECKING:
    from tests.sandbox.toggl.records import Record


def workspace_user(number: int, user: Record, workspace_id: int, at: int, **more: Any) -> Record:
    """Return a member of a workspace, with the secrets of an invitation."""
    return {
        "id": number,
        "uid": user["id"],
        "wid": workspace_id,
        "name": user["fullname"],
        "email": user["email"],
        "active": True,
        "admin": False,
        "inactive": False,
        "at": zulu_form(at),
        "role": "user",
        "role_id": 3,
        "group_ids": None,
        "is_direct": True,
        "rate": None,
        "rate_last_updated": None,
        "labor_cost": None,
        "labor_cost_last_updated": None,
        "timezone": "UTC",
        "working_hours_in_minutes": None,
        "organization_admin": False,
        "workspace_admin": False,
        "avatar_file_name": "",
        "invite_url": None,
        "invitation_code": None,
        "2fa_enabled": False,
    } | more


def invitation(code: str) -> Record:
    """Return the members of a workspace user who has not joined yet."""
    url = f"https://track.toggl.com/invitation?code={code}"
    return {"active": False, "invite_url": url, "invitation_code": code}


def simple_user(member: Record) -> Record:
    """Return a workspace user as ``/workspaces/{wid}/users`` shows them: the id is the user's."""
    return {
        "id": member["uid"],
        "fullname": member["name"],
        "email": member["email"],
        "is_active": member["active"],
        "is_admin": member["admin"],
        "role": member["role"],
        "inactive": member["inactive"],
    }


def organization_user(number: int, members: list[Record], organization: Record) -> Record:
    """Return a member of an organization, from their memberships of its workspaces."""
    first = members[0]
    return {
        "id": number,
        "user_id": first["uid"],
        "organization_id": organization["id"],
        "name": first["name"],
        "email": first["email"],
        "role_id": 1 if first["admin"] else 3,
        "admin": first["admin"],
        "owner": first["admin"] and organization["owner"],
        "joined": first["active"],
        "inactive": first["inactive"],
        "groups": [],
        "workspaces": [_place(member) for member in members],
        "workspace_count": len(members),
        "created_at": first["at"],
        "updated_at": first["at"],
    }


def _place(member: Record) -> Record:
    return {
        "workspace_id": member["wid"],
        "workspace_user_id": member["id"],
        "rate": member["rate"],
        "cost": member["labor_cost"],
        "role_id": member["role_id"],
        "inactive": member["inactive"],
        "working_hours_in_minutes": member["working_hours_in_minutes"],
    }


def group(number: int, name: str, workspaces: list[int], users: list[Record], at: int) -> Record:
    """Return a group of an organization's users."""
    shown = [
        {"user_id": user["id"], "name": user["fullname"], "avatar_url": "", "joined": True}
        for user in users
    ]
    return {
        "group_id": number,
        "name": name,
        "at": zulu_form(at),
        "workspaces": workspaces,
        "users": shown,
    }


def favorite(number: int, workspace_id: int, user_id: int, description: str, at: int) -> Record:
    """Return a favorite: a time entry to start again."""
    return {
        "favorite_id": number,
        "workspace_id": workspace_id,
        "project_id": None,
        "task_id": None,
        "tag_ids": [],
        "description": description,
        "billable": False,
        "rank": 1,
        "public": False,
        "was_public_at": None,
        "user_id": user_id,
        "created_at": zulu_form(at),
        "deleted_at": None,
        "permissions": None,
    }


def goal(number: int, workspace_id: int, user: Record, name: str, at: int) -> Record:
    """Return a weekly goal; what was tracked of it is filled in when it is asked for."""
    return {
        "goal_id": number,
        "user_id": user["id"],
        "user_name": user["fullname"],
        "creator_user_id": user["id"],
        "creator_user_name": user["fullname"],
        "workspace_id": workspace_id,
        "name": name,
        "active": True,
        "billable": False,
        "comparison": "gte",
        "recurrence": "weekly",
        "start_date": zulu_form(at)[:10],
        "end_date": None,
        "current_recurrence_start_date": None,
        "current_recurrence_end_date": None,
        "current_recurrence_tracked_seconds": 0,
        "last_completed_recurrence_end_date": None,
        "last_notified_at": None,
        "target_seconds": 36_000,
        "project_ids": [],
        "task_ids": [],
        "tag_ids": [],
        "tags": [],
        "streak": 0,
        "status": "in_progress",
        "team_goal": False,
        "icon": "\N{DIRECT HIT}",
        "permissions": None,
    }


def rate(number: int, workspace_id: int, amount: float, at: int, **level: int) -> Record:
    """Return an hourly rate; ``level`` names the project, member or both that it is for."""
    references = ("project_id", "project_user_id", "workspace_user_id", "planned_task_id")
    return {
        "id": number,
        "type": "billable_rates",
        "amount": amount,
        "start": zulu_form(at),
        "end": None,
        "workspace_id": workspace_id,
        **dict.fromkeys(references),
        **level,
        "creator_id": 1,
        "created_at": zulu_form(at),
        "updated_at": zulu_form(at),
        "deleted_at": None,
        "rate_change_mode": "start-today",
    }


def saved_report(number: int, name: str, user_id: int, token: str, at: int) -> Record:
    """Return a saved report, with the secret that opens it to everyone."""
    return {
        "id": number,
        "name": name,
        "token": token,
        "public": False,
        "fixed_daterange": True,
        "is_commenting_enabled": False,
        "params": '{"period":"thisWeek","grouping":"projects"}',
        "scheduled_email_gids": [],
        "scheduled_email_uids": [user_id],
        "uid": user_id,
        "updated_by": user_id,
        "updated_at": zulu_form(at),
        "deleted_at": None,
    }


def scheduled_report(number: int, saved: Record, workspace_id: int, at: int) -> Record:
    """Return a saved report's schedule."""
    return {
        "report_id": number,
        "bookmark_id": saved["id"],
        "workspace_id": workspace_id,
        "creator_id": saved["uid"],
        "user_ids": [saved["uid"]],
        "group_ids": [],
        "frequency": 1,
        "created_at": zulu_form(at),
        "deleted_at": None,
    }


def invoice(number: int, workspace_id: int, user_id: int, amount: float, at: int) -> Record:
    """Return an invoice of one position."""
    item = {"item_id": number + 1, "description": "Work", "quantity": 12.5, "amount": amount}
    return {
        "user_invoice_id": number,
        "workspace_id": workspace_id,
        "user_id": user_id,
        "document_id": f"INV-{number}",
        "date": zulu_form(at)[:10],
        "due_date": zulu_form(at + 30 * 86_400 * US)[:10],
        "currency": "USD",
        "items": [item],
        "taxes": [{"name": "VAT", "amount": 19}],
        "billing_address": "1 Example Street",
        "sender_address": "2 Sample Road",
        "message": None,
        "created_at": zulu_form(at),
        "updated_at": zulu_form(at),
        "deleted_at": None,
    }


def expense(number: int, workspace_id: int, user_id: int, cents: int, at: int) -> Record:
    """Return an expense; amounts are in cents."""
    return {
        "id": number,
        "workspace_id": workspace_id,
        "user_id": user_id,
        "category": "travel",
        "description": "Train",
        "currency": "EUR",
        "date_of_expense": zulu_form(at)[:10],
        "total_amount": cents,
        "tax_amount": cents * 7 // 107,
        "total_amount_converted": None,
        "tax_amount_converted": None,
        "exchange_rate": None,
        "state": "approved",
        "approved_by": user_id,
        "approved_at": zulu_form(at),
        "rejection_reason": None,
        "receipt_no": f"R-{number}",
        "receipt_location": None,
        "timezone": "Europe/Berlin",
        "created_at": zulu_form(at),
        "updated_at": zulu_form(at),
        "deleted_at": None,
    }


def timeline_event(number: int, start: int, end: int, title: str) -> Record:
    """Return what was on the screen; times are seconds since 1970."""
    return {
        "id": number,
        "start_time": start,
        "end_time": end,
        "filename": "editor",
        "title": title,
        "desktop_id": "5f3c",
        "idle": False,
    }
