"""A real Chromium before the desk. Without one the tests are skipped with the reason, or fail with
`--require-browser`."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import REQUIRE_BROWSER
from tests.kit.desk.open_pilots import FACTS, LIVED, pilots
from tests.kit.desk.open_register import Open, opened
from tests.kit.desk.portal import Portal, portal

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
PATIENCE: Final = 60_000
"""Milliseconds for one step, and for what is expected, on a busy machine."""
expect.set_options(timeout=PATIENCE)
SHOTS: Final = os.environ.get("SHOTS")
PRESSED: Final = """() => {
  const seen = [...document.querySelectorAll(".desk-nav, .desk-filters, .desk-footer, .desk-paging, button")];
  const shown = seen.filter(one => one.getClientRects().length).map(one => one.outerHTML.slice(0, 100));
  const wide = document.documentElement.scrollWidth;
  return wide > 690 ? [...shown, `${wide} px`] : shown;
}"""
"""What is on paper and should not be."""
GIVEN_UP: Final = ("htmx:sendAbort", "htmx:afterRequest")
Look = Callable[[Page], None]


@pytest.fixture(scope="module")
def running(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One portal before the real intake for all tests of a module."""
    before = os.environ.get("LOTSMAN_HOME")
    os.environ["LOTSMAN_HOME"] = str(tmp_path_factory.mktemp("home"))
    with portal(mongo_url) as made:
        yield made
    os.environ.pop("LOTSMAN_HOME") if before is None else os.environ.update(LOTSMAN_HOME=before)


@pytest.fixture(scope="module")
def register(mongo_url: str) -> Iterator[Open]:
    """One public register for all tests of a module, none of which changes it."""
    with opened(mongo_url) as found:
        found.put([*pilots(), *(one for one, _ in LIVED)], [*FACTS, *(told for _, life in LIVED for told in life)])
        yield found


@pytest.fixture
def ask(register: Open) -> Iterator[httpx.Client]:
    """Somebody without a browser."""
    with httpx.Client(base_url=register.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Debian's Chromium, driven by playwright. It is closed with its module: while it is open, playwright has an event
    loop running in this thread, in which no asynchronous test can run."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        reason = "there is no Chromium on PATH: install Debian's package `chromium`"
        if request.config.getoption(REQUIRE_BROWSER):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=PATIENCE)
        yield started
        started.close()


@pytest.fixture
def reports() -> list[str]:
    """What the browser complained of: breaches of the policy of a page, errors of scripts, other hosts."""
    return []


@pytest.fixture
def context(browser: Browser, reports: list[str]) -> Iterator[BrowserContext]:
    """A browser of one person, whose complaints are noted."""
    opened = browser.new_context(locale="ru-RU")
    yield _watched(opened, reports)
    opened.close()


@pytest.fixture
def without_script(browser: Browser, reports: list[str]) -> Iterator[BrowserContext]:
    """The same with JavaScript switched off."""
    opened = browser.new_context(locale="ru-RU", java_script_enabled=False)
    yield _watched(opened, reports)
    opened.close()


def _is_error(said: ConsoleMessage) -> bool:
    """htmx calls it one, too, where a newer request takes the place of an older."""
    return said.type == "error" and not said.text.startswith(GIVEN_UP)


def _watched(context: BrowserContext, reports: list[str]) -> BrowserContext:
    context.set_default_timeout(PATIENCE)
    context.on("console", lambda said: reports.append(said.text) if _is_error(said) else None)
    context.on("weberror", lambda error: reports.append(str(error.error)))
    context.on("request", lambda one: None if "//127.0.0.1:" in one.url else reports.append(f"asks {one.url}"))
    return context


@pytest.fixture
def accessible() -> Look:
    """Asks axe, which must find nothing (WCAG 2.2 AA and its best practices)."""
    axe = Axe()

    def look(page: Page) -> None:
        found: dict[str, Any] = axe.run(page).response
        told = [(one["id"], [node["html"][:150] for node in one["nodes"]][:4]) for one in found["violations"]]
        assert not told, f"{page.url}: {told}"

    return look


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the embedded stack's own, in which it has its key."""
    monkeypatch.setitem(os.environ, "LOTSMAN_HOME", str(tmp_path))
    return tmp_path


def enter(page: Page, url: str, name: str, language: str = "ru", then: str = "/work") -> None:
    """Signs a demo person in."""
    page.goto(f"{url}/{language}{then}")
    page.get_by_role("button", name=name).click()
    page.wait_for_url(f"**{then}*")


def narrow(page: Page) -> None:
    """320 px wide, nothing has to be scrolled sideways."""
    page.set_viewport_size({"width": 320, "height": 640})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320, f"{page.url}: {wide} px"
    page.set_viewport_size({"width": 1280, "height": 900})


def shot(page: Page, name: str) -> None:
    """A picture at two widths in the folder SHOTS, where somebody wants to look at it."""
    if SHOTS:
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 900})


def on_paper(page: Page) -> None:
    """Printed, a page has its words and nothing that is pressed, and fits on A4."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 690, "height": 990})
    wrong = page.evaluate(PRESSED)
    assert wrong == [], f"{page.url}: {wrong}"
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 900})
