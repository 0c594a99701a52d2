"""The sandbox's frame: clock, moved commands, server with log and faults, person, commands."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest
import requests
import time_machine

from tests.sandbox import Clock, Person, Sandbox
from tests.sandbox.server import HIDDEN, Asked, Server, compressible, json_response
from tests.sandbox.strange import strange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Request, Response

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
CONTENT = {"answer": "x" * 1000}


class Echo(Server):
    """Answers always the same; ``/zipped`` is compressed."""

    def answer(self, request: Request, asked: Asked) -> Response:
        """Answer always the same."""
        asked.bucket = "all"
        response = json_response(strange({"a": 1}) if self.strange else CONTENT)
        return compressible(response) if request.path == "/zipped" else response


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo(Clock(NOW)) as started:
        yield started


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_clock_ticks_moves_and_does_not_follow_the_machines() -> None:
    clock = Clock(NOW)
    with time_machine.travel(0, tick=False):
        assert timedelta() <= clock.now() - NOW < timedelta(seconds=30)
    assert clock.now() < clock.now()
    assert clock.move(timedelta(days=2)) - NOW >= timedelta(days=2)
    clock.set(NOW.astimezone())
    assert clock.now() - NOW < timedelta(seconds=30)
    with pytest.raises(ValueError, match="zone"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is wrong


def test_a_moved_command_sees_another_wall_clock_and_keeps_its_status(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time\n"
        "begin = time.monotonic()\n"
        "time.sleep(0.01)\n"
        "print(time.strftime('%Y-%m-%d', time.gmtime()), time.monotonic() - begin < 30)\n"
        "sys.exit(len(sys.argv))\n"
    )
    done = python("-m", "tests.sandbox.moved", "2031-05-06T07:00:00Z", str(script), "one", "two")
    assert done.stdout == "2031-05-06 True\n"
    assert done.returncode == 3
    sandbox = Sandbox(years=0, now=NOW, with_garmin=False)
    done = subprocess.run(
        sandbox.command(str(script)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "2026-03-29 True\n", done.stderr


def test_the_log_tells_what_was_asked_and_no_secret(server: Echo) -> None:
    headers = {"Authorization": "Basic secret", "X-Other": "shown"}
    requests.post(f"{server.url}/a%20b?c=d&e=", json={"f": 1.50}, headers=headers, timeout=30)
    (asked,) = server.requests
    assert (asked.method, asked.path, asked.query) == ("POST", "/a b", {"c": "d", "e": ""})
    assert (asked.body, asked.status, asked.bucket) == ({"f": 1.5}, 200, "all")
    assert asked.headers["authorization"] == HIDDEN
    assert asked.headers["x-other"] == "shown"
    assert asked.size > 1000
    assert NOW <= asked.time < NOW + timedelta(seconds=30)


def test_a_connection_is_kept_and_closed_when_the_server_stops() -> None:
    server = Echo(Clock(NOW)).start()
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]))
    connection.request("GET", "/one")
    answer = connection.getresponse()
    answer.read()
    socket = connection.sock
    connection.request("GET", "/two", headers={"Accept-Encoding": "gzip"})
    assert connection.getresponse().read()
    assert connection.sock is socket
    assert answer.headers["Date"] == "Sun, 29 Mar 2026 00:30:00 GMT"
    server.stop()
    assert socket is not None
    assert socket.recv(1) == b""
    connection.close()


def test_what_is_marked_is_compressed_for_those_who_accept_it(server: Echo) -> None:
    zipped = requests.get(f"{server.url}/zipped", timeout=30)
    plain = requests.get(f"{server.url}/zipped", headers={"Accept-Encoding": ""}, timeout=30)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.json() == plain.json() == CONTENT
    assert server.requests[0].size < server.requests[1].size


def test_strange_records_keep_their_digits(server: Echo) -> None:
    server.strange = True
    text = requests.get(server.url, timeout=30).text
    for digits in ("0.1234567890123456789012345678901234567890", "1.10,1E+5", str(2**70)):
        assert digits in text


def test_faults_strike_what_they_should_and_nothing_else(server: Echo) -> None:
    server.faults.status(503, after=1, count=2, path="^/some")
    paths = ["/other", "/some", "/some/1", "/other", "/some/2", "/some/3"]
    codes = [requests.get(server.url + path, timeout=30).status_code for path in paths]
    assert codes == [200, 200, 503, 200, 503, 200]
    assert [asked.status for asked in server.requests] == codes
    assert [asked.fault for asked in server.requests if asked.fault] == ["status", "status"]


@pytest.mark.parametrize("path", ["/plain", "/zipped"])
def test_a_cut_and_a_hang_up_are_seen_by_the_client(server: Echo, path: str) -> None:
    server.faults.cut()
    server.faults.hang_up()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(server.url + path, timeout=30)
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(server.url + path, timeout=30)
    assert requests.get(server.url + path, timeout=30).json() == CONTENT
    cut, hung_up, whole = server.requests
    assert 0 < cut.size < whole.size
    assert (hung_up.status, hung_up.size) == (0, 0)


def test_garbage_too_many_and_a_redirect(server: Echo) -> None:
    server.faults.garbage()
    server.faults.too_many(retry_after=7)
    server.faults.redirect("http://127.0.0.1:9/elsewhere")

    def get() -> requests.Response:
        return requests.get(server.url, timeout=30, allow_redirects=False)

    garbage, too_many, redirect = get(), get(), get()
    assert (garbage.status_code, garbage.text[:6]) == (200, "<html>")
    assert "json" in garbage.headers["Content-Type"]
    assert (too_many.status_code, too_many.headers["Retry-After"]) == (429, "7")
    assert (redirect.status_code, redirect.headers["Location"][-9:]) == (302, "elsewhere")
    # What the server never saw counts against no quota.
    assert [asked.bucket for asked in server.requests] == ["all", None, None]


def test_a_slow_answer_ends_with_the_server() -> None:
    server = Echo(Clock(NOW)).start()
    server.faults.slow(600)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(server.url, timeout=0.05)
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 10


def test_a_person_lives_by_a_wall_clock() -> None:
    person = Person(0, 3, NOW, zone="Europe/Berlin")
    trip = person.journeys[0]
    home = next(
        date.fromordinal(day)
        for day in range(person.first_day.toordinal(), person.last_day.toordinal())
        if person.zone_on(date.fromordinal(day)).key == "Europe/Berlin"
    )
    assert person.at(home, 12 * 3600).astimezone(person.zone_on(home)).hour == 12
    assert person.zone_on(trip.first).key == person.zone_on(trip.last).key == trip.zone
    assert person.zone_on(trip.last + timedelta(days=1)).key == "Europe/Berlin"
    assert person.last_day == date(2026, 3, 29)
    # The clocks change in that night: 02:30 does not exist and is half past three.
    assert person.at(date(2026, 3, 29), 12 * 3600) == datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert person.at(date(2026, 3, 29), 2.5 * 3600) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


DIGEST = """
from datetime import UTC, datetime
from hashlib import sha256
from tests.sandbox import Sandbox
sandbox = Sandbox(3, years=0.2, now=datetime(2026, 3, 29, tzinfo=UTC), with_garmin=False)
account = sandbox.toggl.account
# What is inserted at the start carries the fractions of that moment.
made = [entry for entry in account.entries if entry.id < 5_000_000_000]
everything = repr((sandbox.person.journeys, account.me, account.projects, made))
print(sha256(everything.encode()).hexdigest(), sandbox.toggl.token)
"""


def test_a_seed_gives_the_same_person_everywhere() -> None:
    first = python("-c", DIGEST, TZ="Asia/Tokyo", PYTHONHASHSEED="1")
    second = python("-c", DIGEST, TZ="America/Lima", PYTHONHASHSEED="2")
    assert first.stdout == second.stdout != "", first.stderr


def test_run_points_the_taps_to_the_sandbox_and_keeps_the_status() -> None:
    script = (
        "import os, sys, urllib.request as u; "
        "print(os.environ['TOGGL_API_KEY'], os.environ['TAP_TOGGL_REQUEST_INTERVAL']); "
        "r = u.Request(os.environ['TAP_TOGGL_API_URL'] + '/api/v9/me'); "
        "sys.exit(7 if '401' in str(c(u.urlopen, r)) else 1)"
    )
    caught = "def c(f, *a):\n    try: f(*a)\n    except Exception as e: return e\n"
    command = ["run", "--years=0.1", "--seed=2", "--now=2026-03-29", "--", sys.executable, "-c"]
    done = python("-m", "tests.sandbox", *command, f"exec({caught!r}); {script}")
    person = Person(2, 0.1, NOW)
    token = f"{person.random('token').getrandbits(128):032x}"
    assert done.stdout == f"{token} 0\n", done.stderr
    assert done.returncode == 7


def test_run_passes_sigterm_on_and_tells_that_a_signal_ended_the_command() -> None:
    script = "import time; print('up', flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "tests.sandbox", "run", "--years=0", "--", sys.executable]
    started = subprocess.Popen(
        [*command, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with started as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=30) == 128 + signal.SIGTERM


def test_run_names_a_command_that_is_not_there() -> None:
    done = python("-m", "tests.sandbox", "run", "--years=0", "--", "/no/such/command")
    assert (done.returncode, done.stderr) == (127, "/no/such/command: command not found\n")


def test_serve_says_how_to_reach_every_account_and_ends_on_sigterm() -> None:
    command = [sys.executable, "-m", "tests.sandbox", "serve", "--years=0.02", "--account"]
    with subprocess.Popen([*command, "a", "b"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        alarm = Timer(30, run.kill)
        alarm.start()
        assert run.stdout is not None
        lines = list(takewhile(lambda line: not line.startswith("Stop"), run.stdout))
        urls = [line.split("=")[1].strip() for line in lines if "TOGGL_API_URL" in line]
        answers = [requests.get(f"{url}/api/v9/me", timeout=30).status_code for url in urls]
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=30) == 0
        alarm.cancel()
    assert answers == [401, 401]
    assert [line[:11] for line in lines if "account" in line] == ["account a: ", "account b: "]
    assert "--config ENV | .venv/bin/target-bronze-postgres" in "".join(lines)


def environ_of(**settings: Any) -> dict[str, str]:
    with Sandbox(years=0.02, now=NOW, **settings) as sandbox:
        return sandbox.environ()


def test_the_variables_name_both_servers() -> None:
    assert set(environ_of(with_garmin=False)) == {
        "TAP_TOGGL_API_URL",
        "TOGGL_API_KEY",
        "TAP_TOGGL_REQUEST_INTERVAL",
    }
    both = environ_of()
    assert both["TAP_GARMIN_API_URL"] != both["TAP_TOGGL_API_URL"]
    assert both["GARMIN_API_KEY"] != both["TOGGL_API_KEY"]
