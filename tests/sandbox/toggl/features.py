"""What a plan contains, and how each endpoint says that a plan does not contain it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.sandbox.toggl.endpoints import Refused

if TYPE_CHECKING:
    from tests.sandbox.toggl.account import Account

PLANS: Final = ("Free", "Starter", "Premium", "Enterprise")


@dataclass(frozen=True)
class Feature:
    """A feature: its number, the least plan that has it, and the refusal of lesser plans."""

    feature_id: int
    least_plan: str
    status: int = 402
    refusal: str = "Workspace needs to have this feature enabled"


RATES: Final = "Billable rates are available for Starter and higher plans."
FEATURES: Final = {
    "tasks": Feature(11, "Starter"),
    "billable_rates": Feature(12, "Starter", refusal=RATES),
    "saved_reports": Feature(21, "Premium", refusal="Available only for premium workspaces."),
    "scheduled_reports": Feature(22, "Premium", refusal="Available only for premium workspaces."),
    "invoices": Feature(31, "Starter", 403, "User does not have access to this resource."),
    "expenses": Feature(32, "Premium", 412, "Expenses feature is not enabled"),
    "favorites": Feature(41, "Free", 403, "User has no access to Favorites feature"),
    "goals": Feature(42, "Free", 403, "User does not have access to this resource."),
}


def enabled(account: Account, organization_id: int, name: str) -> bool:
    """Tell whether an organization's plan has a feature, and nobody switched it off."""
    plan = account.organizations[organization_id]["pricing_plan_name"]
    least = FEATURES[name].least_plan
    return name not in account.features_off and PLANS.index(plan) >= PLANS.index(least)


def need(account: Account, workspace_id: int, name: str) -> None:
    """Let nobody pass whose plan lacks a feature.

    Raises:
        Refused: The plan lacks it.
    """
    if not enabled(account, account.workspaces[workspace_id]["organization_id"], name):
        raise Refused(FEATURES[name].status, FEATURES[name].refusal)
