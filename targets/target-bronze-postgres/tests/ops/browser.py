"""A headless Chromium, driven over WebDriver by what Python brings."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Browser:
    """One window of a Chromium, as wide as a phone or a desk."""

    def __init__(self, driver: str, profile: Path, width: int, *, dark: bool) -> None:
        """Open the window."""
        self._driver = driver
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        features = ("--blink-settings=preferredColorScheme=0",) if dark else ()
        options = {
            "args": [*FLAGS, *root, *features, f"--user-data-dir={profile}"],
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": 844, "pixelRatio": 1}},
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def __enter__(self) -> Self:
        """Keep it open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._send("DELETE", self._session)

    def go(self, url: str) -> None:
        """Open a page and wait until it is there."""
        self._send("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str) -> Any:
        """Return what a script in the page returns."""
        body = {"script": script, "args": []}
        return self._send("POST", f"{self._session}/execute/sync", body)

    def complaints(self) -> list[str]:
        """Return what the browser has logged: errors, and what the page's policy forbade."""
        entries = self._send("POST", f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def photograph(self, path: Path) -> None:
        """Write a picture of the whole page."""
        body = {
            "cmd": "Page.captureScreenshot",
            "params": {"format": "png", "captureBeyondViewport": True},
        }
        taken = self._send("POST", f"{self._session}/goog/cdp/execute", body)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._driver + path, data, method=method)  # noqa: S310 - http to this machine
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
            return json.load(answer)["value"]


@contextmanager
def driver(folder: Path) -> Iterator[str]:
    """Start a chromedriver and yield its address; skip, with the package's name, without one."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    if not (shutil.which("chromedriver") and any(map(shutil.which, browsers))):
        pytest.skip("chromedriver or chromium is missing: apt install chromium chromium-driver")
    log = folder / "chromedriver.log"
    with (
        log.open("w") as output,
        subprocess.Popen(["chromedriver", "--port=0"], stdout=output, stderr=output) as process,
    ):
        try:
            found = eventually(lambda: log.read_text().partition("successfully on port ")[2])
            yield f"http://127.0.0.1:{found.split('.')[0]}"
        finally:
            process.terminate()
