"""The key and its tokens: exchanged, kept, renewed, refused, ended."""

from __future__ import annotations

import json
import stat
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from tap_garmin import token
from tap_garmin.api import KEY_PAGE, GarminClient
from tap_garmin.client import Answer, Request
from tap_garmin.tap import TapGarmin
from tap_garmin.token import Token, TokenFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.garmin import Garmin
    from tests.tap_runs import Runner

TOKEN_PATH = "/personalapitoken-service/personal-api/personal-api-key/token"


def exchanges(garmin: Garmin) -> int:
    """Return how many requests exchanged the key, refused ones too."""
    return sum(asked.path == TOKEN_PATH for asked in garmin.requests)


@pytest.mark.parametrize("text", ["{}\n", '"{}"', ' "{}"\r\n'])
def test_a_token_is_taken_without_what_stands_around_it(
    garmin: Garmin, tap: Runner, text: str
) -> None:
    garmin.access.token_text = text
    run = tap("steps")
    assert run.failure is None
    assert run.records("steps")
    assert exchanges(garmin) == 1


def test_the_token_is_kept_for_the_next_run_in_a_file_of_the_owner_alone(
    garmin: Garmin, tap: Runner, tmp_path: Path
) -> None:
    tap("steps")
    (kept,) = (tmp_path / "cache" / "tap-garmin").glob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert garmin.key not in kept.read_text() + kept.name
    tap("steps")
    assert exchanges(garmin) == 1


def test_a_token_that_others_can_read_is_not_taken(
    garmin: Garmin, tap: Runner, tmp_path: Path
) -> None:
    tap("steps")
    (kept,) = (tmp_path / "cache" / "tap-garmin").glob("*.json")
    kept.chmod(0o644)
    tap("steps")
    assert exchanges(garmin) == 2
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"text": 1, "taken_at": "x", "ends_at": 0}'])
def test_a_damaged_file_costs_an_exchange_and_no_more(
    garmin: Garmin, tap: Runner, tmp_path: Path, content: str
) -> None:
    tap("steps")
    (kept,) = (tmp_path / "cache" / "tap-garmin").glob("*.json")
    kept.write_text(content)
    assert tap("steps").failure is None
    assert exchanges(garmin) == 2


def test_without_a_place_for_it_nothing_is_kept(
    garmin: Garmin, tap: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert tap("steps").failure is None
    assert tap("steps").failure is None
    assert exchanges(garmin) == 2


def test_a_relative_cache_folder_is_ignored(
    tap: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    tap("steps")
    assert list((tmp_path / "home" / ".cache" / "tap-garmin").glob("*.json"))
    assert not (tmp_path / "here").exists()


def test_two_runs_do_not_exchange_the_key_at_the_same_time() -> None:
    moments: list[str] = []

    def exchange() -> None:
        with TokenFile("https://host", "key").locked():
            moments.append("in")
            time.sleep(0.2)
            moments.append("out")

    runs = [threading.Thread(target=exchange) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(30)
    assert moments == ["in", "out", "in", "out"]


@pytest.mark.parametrize(
    ("life", "left", "is_good"),
    [
        (86400, 301, True),
        (86400, 299, False),  # five minutes before its end it is renewed
        (600, 61, True),  # near the key's end a tenth of its life is enough
        (600, 59, False),
        (10, 2, True),
        (0, 0, False),
    ],
)
def test_the_margin_is_five_minutes_or_a_tenth_of_the_life(
    life: float, left: float, *, is_good: bool
) -> None:
    assert Token("text", 1000.0, 1000.0 + life).is_good(1000.0 + life - left) is is_good


def test_a_token_of_the_future_is_not_trusted() -> None:
    assert not Token("text", 1000.0, 90000.0).is_good(999.0)  # the clock was set back


@pytest.mark.parametrize("text", ["", "no token", "a.b.c", "a.e30.c", "<html></html>"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no JSON Web Token"):
        token.parse(text, 0)


def test_an_answer_that_is_no_token_gets_a_line(garmin: Garmin, tap: Runner) -> None:
    garmin.faults.garbage(path="personal-api-key", count=None)
    run = tap("steps")
    assert run.failure is not None
    assert "is no token" in run.failure
    assert "<html>" not in run.failure


def test_the_life_of_a_token_is_counted_by_this_machines_clock(garmin: Garmin) -> None:
    # A day ahead of Garmin's clock, every token would seem to have ended.
    ahead = garmin.clock.now() + timedelta(days=2)
    settings = {"api_url": garmin.url, "api_key": garmin.key, "request_interval": 0}
    with time_machine.travel(ahead.timestamp(), tick=True):
        client = TapGarmin(config=settings).client
        for _ in range(3):
            client.ask(Request("GET", "/userprofile-service/userprofile/settings"))
    assert exchanges(garmin) == 1


def test_a_token_that_ends_in_the_middle_is_renewed(
    garmin: Garmin, tap: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    garmin.access.token_life = timedelta(minutes=40)

    def a_quarter_passes(client: GarminClient, answer: Answer) -> None:
        after(client, answer)
        if answer.request.path != TOKEN_PATH:
            garmin.clock.move(timedelta(minutes=15))
            time_machine.traveller_stack[-1].shift(timedelta(minutes=15))

    after = GarminClient.after
    monkeypatch.setattr(GarminClient, "after", a_quarter_passes)
    run = tap("steps")
    assert run.failure is None
    assert len(run.records("steps")) == len(garmin.everything()["steps"])
    assert exchanges(garmin) > 1
    assert not [asked for asked in garmin.requests if asked.status == 401]


def test_a_token_that_was_revoked_is_renewed_once(garmin: Garmin, tap: Runner) -> None:
    tap("steps")
    garmin.access.revoke_tokens()
    garmin.requests.clear()
    run = tap("steps")
    assert run.failure is None
    assert run.records("steps")
    assert [asked.status for asked in garmin.requests].count(401) == 1
    assert exchanges(garmin) == 1


def test_a_fresh_token_that_is_refused_ends_the_run(garmin: Garmin, tap: Runner) -> None:
    garmin.faults.status(401, body=b"", path="-service/(?!personal-api)", count=None)
    run = tap("steps", "stress")
    assert run.failure is not None
    assert "refuses a token that it has just given out" in run.failure
    assert run.failure.count("\n") == 0
    assert exchanges(garmin) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_wrong_key_gets_one_line_with_the_mend(garmin: Garmin, tap: Runner, status: int) -> None:
    garmin.access.refusal = status
    run = tap(api_key="s3cret")
    assert run.failure is not None
    assert f"refuses the API key ({status})" in run.failure
    assert KEY_PAGE in run.failure
    assert "GARMIN_API_KEY" in run.failure
    assert "s3cret" not in run.failure
    assert run.failure.count("\n") == 0  # nine streams, one line
    assert exchanges(garmin) == 1


def test_a_key_that_ends_in_the_middle_stops_with_the_state_saved(
    garmin: Garmin, tap: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    whole = {row["calendarDate"] for row in tap("steps").records("steps")}
    garmin.access.revoke_tokens()
    garmin.access.key_ends = garmin.clock.now() + timedelta(seconds=2)
    garmin.faults.slow(0.8, count=None, path="steps")
    first = tap("steps", "stress")
    assert "The API key ends on 2026-11-22 at 20:0" in caplog.text
    assert first.failure is not None
    assert "refuses the API key" in first.failure
    read = {row["calendarDate"] for row in first.records("steps")}
    assert 0 < len(read) < len(whole)
    garmin.faults.clear()
    garmin.access.renew_key()
    rest = tap("steps", state=first.state)
    assert read | {row["calendarDate"] for row in rest.records("steps")} == whole
    assert len(rest.records("steps")) < len(whole)


def test_the_keys_coming_end_is_seen_a_day_ahead(
    garmin: Garmin, tap: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    garmin.access.key_ends = garmin.clock.now() + timedelta(hours=30)
    assert "key_ends_at" not in json.dumps(tap("steps").of("steps")[-1]["bronze"])
    assert "The API key ends" not in caplog.text
    garmin.clock.move(timedelta(hours=6, minutes=1))  # its token would live 17 hours yet
    run = tap("steps")
    assert caplog.text.count("The API key ends on 2026-11-24 at 02:00 UTC") == 1
    (limits,) = {m["bronze"]["api_rate_limit_info"]["key_ends_at"] for m in run.of("steps")}
    assert limits == "2026-11-24T02:00:00+00:00"


def test_near_the_keys_end_it_is_not_exchanged_at_every_request(
    garmin: Garmin, tap: Runner
) -> None:
    garmin.access.key_ends = garmin.clock.now() + timedelta(minutes=4)
    assert tap("steps").failure is None
    assert exchanges(garmin) == 1


@pytest.mark.parametrize("how", ["area", "scope"])
def test_an_area_outside_the_keys_scope_is_skipped_with_a_line(
    garmin: Garmin, tap: Runner, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    if how == "area":
        garmin.access.closed = {"hrv-service"}
    else:
        garmin.access.scopes = ["PERSONAL_API_FITNESS_READ"]
    run = tap("activities", "hrv", "sleep")
    assert run.failure is None
    assert run.records("activities")
    assert not run.records("hrv")
    assert bool(run.records("sleep")) is (how == "area")
    skipped = [line for line in caplog.messages if "skipped, because the API key" in line]
    assert [line.partition(":")[0] for line in skipped] == (
        ["hrv"] if how == "area" else ["hrv", "sleep"]
    )
    assert "last_day" not in run.bookmark("hrv")
