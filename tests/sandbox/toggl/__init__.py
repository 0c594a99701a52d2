"""Toggl Track as the sandbox serves it: v9 and Reports v3, one account, all its traps.

README.md beside this file lists the endpoints, and each trap with the switch that sets it.
"""

from __future__ import annotations

from tests.sandbox.toggl.account import Account
from tests.sandbox.toggl.options import Options
from tests.sandbox.toggl.service import Toggl

__all__ = ["Account", "Options", "Toggl"]
