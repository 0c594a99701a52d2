"""The server of Toggl Track: authorization, quota, routes; endpoints lie in modules beside it."""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from tests.sandbox.server import Asked, Server, compressible, encoder, json_response
from tests.sandbox.strange import strange
from tests.sandbox.toggl import me, organizations, reports, time_entries, workspaces
from tests.sandbox.toggl.account import Account
from tests.sandbox.toggl.endpoints import RULES, V9, Answer, Refused
from tests.sandbox.toggl.generate import Generator, Options
from tests.sandbox.toggl.quota import PLAN_LIMITS, USER, Quota, organization_bucket
from tests.sandbox.toggl.switches import Switches

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.wrappers import Request

    from tests.sandbox.clock import Clock
    from tests.sandbox.person import Person
    from tests.sandbox.toggl.records import Record

ENDPOINTS: Final = (me, organizations, reports, time_entries, workspaces)
"""Importing them fills the routes."""

ROUTES: Final = Map(RULES, strict_slashes=False)
USER_QUOTA: Final = 30
LEAK: Final = 1.0
"""Seconds that the leaky bucket wants between two requests."""
NO_ACCESS: Final = "Workspace not found/accessible"


class Toggl(Server, Switches):
    """Toggl Track with one account; the switches are plain attributes."""

    def __init__(
        self,
        clock: Clock,
        person: Person,
        seed: int = 1,
        years: float = 2,
        options: Options | None = None,
    ) -> None:
        """Make the server and its account, filled with the person's data."""
        super().__init__(clock)
        self.seed, self.years = seed, years
        self.account = Account(clock, person.zone)
        self.lock = self.account.lock
        self.generator = Generator(self.account, person, options or Options())
        self.generator.fill()
        self.quota = Quota(self._limit)
        self._foreign: Counter[str] = Counter()
        self._last_request: datetime | None = None

    @property
    def token(self) -> str:
        """The account's API token."""
        return str(self.account.me["api_token"])

    def requests_by_bucket(self, *, refused: bool = False) -> Counter[str]:
        """Count the requests of each bucket that were answered, or those that the quota refused."""
        return Counter(
            asked.bucket
            for asked in self.requests
            if asked.bucket and (asked.refused == "quota") == refused
        )

    def spend(self, bucket: str, requests: int) -> None:
        """Let another program of the same person make requests that count against a bucket."""
        with self.lock:
            now = self.clock.now()
            self.quota.bucket(bucket, now).spend(now, requests)

    def look(self, path: str, body: Any = None, **query: Any) -> Any:
        """Return the JSON that a path would answer now, without HTTP, log, quota and faults.

        With a body the request is a POST.

        Raises:
            Refused: The answer would be no success.
        """
        method = "GET" if body is None else "POST"
        request = EnvironBuilder(path, method=method, query_string=query, json=body).get_request()
        with self.lock:
            found = self._found(request, *_matched(request))
            return msgspec.json.decode(encoder.encode(self._shown(found.content)))

    def quotas(self) -> list[Record]:
        """Return every bucket as ``/me/quota`` shows it; the user's has no organization."""
        now, found = self.clock.now(), []
        for number in (None, *self.account.organizations):
            name = USER if number is None else organization_bucket(number)
            bucket = self.quota.bucket(name, now)
            shown = {"organization_id": number, "remaining": bucket.remaining()}
            found.append(shown | {"resets_in_secs": bucket.resets_in(now), "total": bucket.limit})
        return found

    def shown_tag(self, record: Record) -> Record:
        """Return a tag; the name of the member that tells of its deletion is a switch."""
        deleted = record.get("server_deleted_at")
        if not deleted or self.tag_deletion == "server_deleted_at":
            return record
        rest = {name: value for name, value in record.items() if name != "server_deleted_at"}
        return rest | {self.tag_deletion: deleted}

    def answer(self, request: Request, asked: Asked) -> Response:
        """Answer one request."""
        headers: dict[str, str] = {}
        if request.path.startswith(V9):
            headers["X-Toggl-Request-Id"] = str(uuid.uuid4())
        try:
            found = self._answer_or_refusal(request, asked, headers)
        except Refused as refusal:
            asked.refused = refusal.reason
            return self._refusal(refusal, headers | refusal.headers)
        headers |= {"X-Service-Level": "GREEN"} | found.headers
        response = json_response(self._shown(found.content), headers=headers)
        return response if request.path.startswith(V9) else compressible(response)

    def _answer_or_refusal(self, request: Request, asked: Asked, headers: dict[str, str]) -> Answer:
        self._check_token(request)
        self._check_leak()
        endpoint, parts = _matched(request)
        asked.bucket = self._bucket(parts)
        self._check_quota(asked.bucket, endpoint, headers)
        found = self._found(request, endpoint, parts)
        self._spend_foreign(asked.bucket)
        return found

    def _found(self, request: Request, endpoint: Any, parts: dict[str, Any]) -> Answer:
        self._check_access(parts)
        found = endpoint(self, request, **parts)
        return found if isinstance(found, Answer) else Answer(found)

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("Authorization", "")
        if not given:
            raise Refused(401, None, "no token", {"X-Authorization-Missing": "true"})
        wanted = base64.b64encode(f"{self.token}:api_token".encode()).decode()
        if given != f"Basic {wanted}":
            raise Refused(403, "Incorrect username and/or password", "wrong token")

    def _check_leak(self) -> None:
        now, last = self.clock.now(), self._last_request
        self._last_request = now
        if self.leaky_bucket and last and (now - last).total_seconds() < LEAK:
            wait = self.retry_after
            headers = {} if wait is None else {"Retry-After": str(wait)}
            raise Refused(429, "Too Many Requests", headers=headers)

    def _bucket(self, parts: dict[str, Any]) -> str:
        """Return the quota that a path spends; what nobody knows spends the user's."""
        if "oid" in parts:
            return organization_bucket(parts["oid"])
        workspace = self.account.workspaces.get(parts.get("wid", 0))
        return organization_bucket(workspace["organization_id"]) if workspace else USER

    def _check_quota(self, name: str, endpoint: Any, headers: dict[str, str]) -> None:
        now = self.clock.now()
        bucket = self.quota.bucket(name, now)
        granted = self._is_free(endpoint) or bucket.spend(now)
        resets_in = bucket.resets_in(now)
        if self.quota_headers:
            headers["X-Toggl-Quota-Remaining"] = str(bucket.remaining())
            headers["X-Toggl-Quota-Resets-In"] = str(resets_in)
        if not granted:
            text = "You have hit your hourly limit for API calls."
            raise Refused(402, f"{text} The quota will reset in {resets_in} seconds.", "quota")

    def _is_free(self, endpoint: Any) -> bool:
        return endpoint is me.quota and not self.quota_endpoint_costs

    def _spend_foreign(self, name: str) -> None:
        """Spend what another program asks for meanwhile, in whole requests."""
        before = int(self._foreign[name] * self.foreign_share)
        self._foreign[name] += 1
        more = int(self._foreign[name] * self.foreign_share) - before
        if more:
            self.spend(name, more)

    def _check_access(self, parts: dict[str, Any]) -> None:
        """Let nobody into what is not there, deleted or suspended."""
        account, found = self.account, []
        if "wid" in parts:
            workspace = account.workspaces.get(parts["wid"], {})
            found += [workspace, account.organizations.get(workspace.get("organization_id", 0))]
        if "oid" in parts:
            found.append(account.organizations.get(parts["oid"]))
        if any(not one or one["suspended_at"] or one["server_deleted_at"] for one in found):
            raise Refused(403, NO_ACCESS)

    def _shown(self, content: Any) -> Any:
        """Return the answer, each of its records with strange members if the switch is on."""
        if not self.strange:
            return content
        if isinstance(content, list):
            return [strange(record) for record in content]
        if isinstance(content, dict) and isinstance(content.get("data"), list):
            return content | {"data": self._shown(content["data"])}
        return strange(content) if isinstance(content, dict) else content

    def _refusal(self, refusal: Refused, headers: dict[str, str]) -> Response:
        form = self.quota_body if refusal.reason == "quota" else "json"
        if refusal.body is None or form == "text":
            return Response((refusal.body or "").encode(), HTTPStatus(refusal.status), headers)
        body = {"error": refusal.body} if form == "object" else refusal.body
        return json_response(body, refusal.status, headers)

    def _limit(self, name: str) -> int:
        number = name.rpartition("/")[2]
        organization = self.account.organizations.get(int(number) if number.isdigit() else 0)
        return PLAN_LIMITS[organization["pricing_plan_name"]] if organization else USER_QUOTA


def _matched(request: Request) -> tuple[Any, dict[str, Any]]:
    """Return the endpoint of a path and the ids in it.

    Raises:
        Refused: There is none.
    """
    try:
        endpoint, parts = ROUTES.bind("127.0.0.1").match(request.path, request.method)
    except NotFound:
        raise Refused(404, "404 page not found") from None
    except MethodNotAllowed:
        raise Refused(405, "Method not allowed") from None
    return endpoint, dict(parts)
