"""Plays to report on, and a headless Chromium to look at pages with."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from equipoise.analysis.rows import Row
from equipoise.evaluation.results import Play, Results
from equipoise.reports.page import page
from equipoise.reports.picture import accuracy_over_cost
from equipoise.reports.report import Report, report_on

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


def turn(agent: str, response: str, **more: Any) -> dict[str, Any]:
    told = {"agent": agent, "model": "mock/m", "act": "answer", "strategy": "direct", "round": 0, "key": "4"}
    told |= {"truncated": False, "refused": False, "input_tokens": 9, "output_tokens": 3, "response": response}
    return told | more


@pytest.fixture(scope="session")
def play() -> Callable[..., Play]:
    """Makes a play of "t" from its question, method, outcome and responses."""

    def made(question: str, method: str, outcome: Any, *responses: str, text: str = "", **more: Any) -> Play:
        row = Row(**{"task": "t", "output_tokens": 10} | more, method=method, question=question, outcome=outcome)
        turns = [turn("ann", response) for response in responses]
        return Play(row=row, text=text or f"text of {question}", gold="4", answer="4", turns=turns)

    return made


def page_of(report: Report) -> str:
    drawn = {task: accuracy_over_cost(report.of(task), report.fronts.get(task)) for task in report.judged}
    return page(report, {task: svg for task, svg in drawn.items() if svg})


@pytest.fixture(scope="session")
def html_of() -> Callable[..., str]:
    """Makes the page of plays."""

    def made(
        plays: list[Play], settings: dict[str, Any] | None = None, environment: dict[str, str] | None = None
    ) -> str:
        return page_of(report_on(Results(plays=plays, environment=environment or {}), settings or {}))

    return made


class Elements(HTMLParser):
    """Tags with their attributes, and the text of scripts by id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self._script = dict(attrs).get("id") or "" if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] = data

    def handle_endtag(self, tag: str) -> None:
        self._script = None


@pytest.fixture(scope="session")
def elements() -> type[Elements]:
    return Elements


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a browser made of a page.

    Attributes:
        dom: the document after its scripts ran.
        found: what the probe assigned to `found`, by name.
        console: lines that the page's scripts, or the browser about them, wrote.
    """

    dom: str
    found: dict[str, Any]
    console: list[str]


@pytest.fixture(scope="session")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Seen]:
    """Opens a page from a file in a headless Chromium; skips where there is none.

    With a `probe`, a script of the test runs in the page, whose policy would forbid it and is taken out. Without a
    width the page is the window and the clock is real; with one it is a frame of that width, and time runs as fast as
    it can.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")

    def look(html: str, probe: str = "", *, width: int | None = None, dark: bool = False) -> Seen:
        folder = tmp_path_factory.mktemp("browsed")
        if probe:
            ending = "parent.postMessage(JSON.stringify(found), '*'); show_found(found);"
            script = f"<script>{SHOW}(async () => {{ const found = {{}}; {probe}; {ending} }})();</script>"
            html = POLICY.sub("", html).replace("</body>", f"{script}</body>")
        (folder / "page.html").write_text(html, encoding="utf-8", errors="replace")
        if width is not None:
            frame = f'<iframe src="page.html" style="width: {width}px; height: 900px; border: 0"></iframe>'
            listen = "addEventListener('message', told => show_found(JSON.parse(told.data)));"
            text = f"<!doctype html><body style='margin: 0'><script>{SHOW}{listen}</script>{frame}</body>"
            (folder / "frame.html").write_text(text, encoding="utf-8")
        return _seen(browser, folder, framed=width is not None, dark=dark)

    return look


FIT = """
const root = document.documentElement;
found.overflow = root.scrollWidth - root.clientWidth;
found.shown = [...document.querySelectorAll('figure svg')].filter(svg => svg.getBoundingClientRect().width > 0).length;
found.fetched = performance.getEntriesByType('resource').length;
"""


@pytest.fixture(scope="session")
def fit() -> str:
    """A probe: whether a page is broader than its window, how many pictures show, and how much was fetched."""
    return FIT


SHOW = "function show_found(found) { document.documentElement.dataset.found = JSON.stringify(found); } "


def _seen(browser: str, folder: Path, *, framed: bool, dark: bool) -> Seen:
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1500,1000"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    options += ["--host-resolver-rules=MAP * ~NOTFOUND", *(["--virtual-time-budget=5000"] if framed else [])]
    address = (folder / ("frame.html" if framed else "page.html")).as_uri()
    done = subprocess.run([browser, *options, "--dump-dom", address], capture_output=True, timeout=120, check=True)
    dom = done.stdout.decode(errors="replace")
    told = re.search(r'data-found="([^"]*)"', dom)
    console = [line for line in done.stderr.decode(errors="replace").splitlines() if ":CONSOLE" in line]
    return Seen(dom=dom, found=json.loads(unescape(told[1])) if told else {}, console=console)
