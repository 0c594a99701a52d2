"""The status page in a real browser, as wide as a desk and as a phone."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from waitress.server import create_server

from target_bronze_postgres.ops.context import Context
from target_bronze_postgres.ops.judge import Rules
from target_bronze_postgres.ops.limits import Limits
from target_bronze_postgres.ops.serve.app import App
from target_bronze_postgres.ops.serve.snapshot import Reader
from target_bronze_postgres.ops.timetable import Timetable
from tests.ops.browser import Browser, driver
from tests.ops.shown import PARTNER, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Query = Callable[..., list[Any]]

pytestmark = pytest.mark.extra

COLOURS = """
    return ["data", "empty", "missing", "none"].map(name => {
        const found = document.querySelector("svg path." + name);
        return found && getComputedStyle(found).fill;
    });
"""


@pytest.fixture
def url(load: Callable[..., Any], named: str, query: Query) -> Iterator[str]:
    """The page of a database with ten years of days, gaps in them, and all that can be told."""
    assert named
    fill(load)
    query(
        """UPDATE bronze_ops.streams
        SET asked = '{[2017-03-05,2020-06-14), [2020-06-24,2026-11-27)}' WHERE source = 'x'"""
    )
    query(
        """INSERT INTO bronze_ops.days
        SELECT 'x', 'main', 'users', day, 1
        FROM generate_series('2017-03-05'::date, '2026-11-26', '1 day') AS day
        WHERE extract(isodow FROM day) < 6 AND NOT day BETWEEN '2020-06-14' AND '2020-06-24'
        ON CONFLICT DO NOTHING"""
    )
    reader = Reader(Context().target, Rules(Limits(), Timetable()))
    listening = socket.create_server(("127.0.0.1", 0))
    server = create_server(App(reader.get, ["127.0.0.1"]), sockets=[listening])
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.task_dispatcher.shutdown()
    server.close()
    reader.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_in_a_browser(url: str, tmp_path: Path, width: int, dark: bool) -> None:
    with driver(tmp_path) as address, Browser(address, tmp_path / "p", width, dark=dark) as browser:
        browser.go(url)
        colours = browser.run(COLOURS)
        assert len(set(colours)) == 4, colours
        assert None not in colours
        assert browser.run("return innerWidth") == width
        # Nothing is cut off at the right, and nobody has to scroll sideways.
        assert browser.run("return document.documentElement.scrollWidth") <= width
        assert browser.run("return getComputedStyle(document.body).fontSize") == "15px"
        background = browser.run("return getComputedStyle(document.body).backgroundColor")
        red, *_ = map(int, re.findall(r"\d+", background))
        assert (red < 128) == dark
        assert browser.run("return document.scripts.length") == 0
        headings = browser.run(
            "return [...document.querySelectorAll('h2 span')].map(e => e.textContent)"
        )
        assert headings == [PARTNER, "main", "main"]
        assert [line for line in browser.complaints() if "favicon" not in line] == []
        # A folder to look at: BRONZE_TEST_PICTURES=/tmp/pictures make test-extra
        folder = Path(os.environ.get("BRONZE_TEST_PICTURES", tmp_path))
        folder.mkdir(exist_ok=True)
        picture = folder / f"page-{width}-{'dark' if dark else 'light'}.png"
        browser.photograph(picture)
        assert picture.stat().st_size > 10_000
