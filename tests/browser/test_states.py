"""Every page of the bench in every state that it has, in three languages: axe finds nothing, and nothing has to be
scrolled sideways at 320 px. A new page is one line more of `LINES`.

In each run every state is looked at in one language, the languages taking turns from state to state and from page to
page; with `--soak` in all three.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from contracts.reference import Role
from contracts.words import LANGUAGES
from deploy.local.demo_people import PEOPLE
from deploy.samples.expertise import APPEALS
from deploy.samples.registry import ALL_ON
from services.desk.pages import allowed, papers, steps
from services.registry.domain.stages import Stage
from tests.browser.conftest import PATIENCE, Look, narrow, on_paper
from tests.kit.desk.cases import answering
from tests.kit.desk.directory import EXPERT, Directory
from tests.kit.desk.exports import EXPORT, Exports
from tests.kit.desk.register import PILOT, Register
from tests.kit.desk.served import served
from tests.kit.desk.services import HARMFUL, Services
from tests.kit.desk.world import Answers, World, away, faulty, nothing, stale
from tests.kit.expertise.play import FIRST, SECOND, Play
from tests.kit.registry.life import Life, at
from tests.unit.desk.test_decisions import paid, prolonged
from tests.unit.desk.test_pages import services as with_notice

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("at_home")]
NAMES: Final = {role: one.name for one in PEOPLE for role in one.roles}
FILL: Final = """form => {
  for (const one of form.querySelectorAll("textarea, input:not([type]), [type=text], [type=email], [type=tel]"))
    one.value = one.value || "1";
  for (const one of form.querySelectorAll("input[type=date]")) one.value = one.value || "2026-04-16";
  for (const one of form.querySelectorAll("select")) if (!one.value && one.options.length > 1) one.selectedIndex = 1;
  for (const one of form.querySelectorAll("input[type=radio], input[type=checkbox]"))
    if (!form.querySelector(`[name="${one.name}"]:checked`)) one.checked = true;
}"""
"""Something in every field of a form."""
TURNS: Final = "turns"
EXPECTED: Final = re.compile(r"\b(40[349]|412|422|503)\b")
"""What browsers report of answers that are no 200: the states themselves."""


@dataclass(frozen=True)
class Line:
    """A page: where it is, whose, before which services; and what it has of other states. `form`: the button by which
    what stands there is sent. `faults`: where the service finds them; otherwise the desk or its services do so
    themselves. `newer`: what its subject has become when somebody else was sooner. `empty`: services with nothing.
    `alone`: another line has the same page where a service is away."""

    path: str
    who: Role
    full: Callable[[], Answers]
    form: str = ""
    faults: tuple[str, ...] = ()
    newer: Callable[[], Answers] | None = None
    empty: Callable[[], Answers] | None = None
    alone: bool = True


WRITTEN: Final = "#written button[value=send]"
CASE, CARD, EXPERTS = "/case/p-1", f"/decisions/{PILOT}", f"/directory/experts/{EXPERT['id']}"


def case(play: Callable[[], Play], expert: str | None = None) -> Callable[[], Answers]:
    """The expertise with a case."""
    return lambda: answering(play(), expert)


def pilot(stage: Stage | Callable[[], Life], title: str | None = None) -> Callable[[], Answers]:
    """The register with a pilot."""
    return lambda: Register(at(stage) if isinstance(stage, Stage) else stage(), title=title)


def gone_on(life: Life) -> Answers:
    """A register in which somebody has corrected what was entered."""
    register = Register(life)
    shown = register.card

    def card() -> dict[str, object]:
        return {**shown(), "until": "2031-01-31"}

    register.card = card  # type: ignore[method-assign]
    return register


def step(name: str) -> Line:
    """The form of a step of a pilot at the first stage at which it can be entered."""
    one = steps.BY_NAME[name]

    def life() -> Life:
        return Life().credit_asked() if name == "credit" else at(Stage(one.stages[0]))

    return Line(f"{CARD}/{name}", one.role, pilot(life), WRITTEN, newer=lambda: gone_on(life()), alone=name == "credit")


ENTRIES: Final[dict[str, Stage | Callable[[], Life]]] = {
    "expediency": Stage.EXPEDIENT,
    "credit": Stage.CREDITED,
    "agreement": Stage.AGREED,
    "launch": Stage.RUNNING,
    "suspension": Stage.SUSPENDED,
    "extension": prolonged,
    "spending": paid,
    "ending": Stage.STOPPED_EARLY,
    "commission": Stage.AT_COMMISSION,
    "proposal": Stage.AT_COMMISSION,
    "judgement": Stage.EFFECTIVE,
    "scaling": Stage.SCALED,
}
"""Each kind of entry, and a pilot that has one."""


def correction(what: str) -> Line:
    """The form in which an entry is put right."""
    return Line(f"{CARD}/correction/{what}/1", Role.REGISTRAR, pilot(ENTRIES[what]), WRITTEN, alone=False)


def decided(request: httpx.Request) -> httpx.Response:
    """Intake with an application that was accepted, and nothing else."""
    answer = with_notice(request)
    if request.url.path == "/v1/applications/p-1" and request.method == "GET":
        return httpx.Response(200, json={**answer.json(), "status": "accepted"}, headers={"ETag": '"9"'})
    if answer.status_code == 200 and "items" in (body := answer.json()):
        return httpx.Response(200, json={**body, "items": []})
    return answer


def refusing(_request: httpx.Request) -> httpx.Response:
    """Services that let nobody in."""
    return httpx.Response(403, json={"title": "forbidden", "detail": "Нужна другая роль.", "rule": "role.missing"})


def known() -> Answers:
    """The register with people from whom a commission is chosen."""
    return Register(at(Stage.FINISHED), people={f"m-{n}": f"Член Комиссии {n}" for n in range(1, 10)})


def ready() -> Answers:
    return Exports(state="ready")


OPENED: Final = case(lambda: Play().open())
SEATED: Final = case(lambda: Play().open().seat(FIRST))
TWO: Final = case(lambda: Play().open().seat(FIRST, SECOND))
ASKED: Final = case(lambda: Play().open().judge(FIRST).asked())
CLOSED: Final = case(lambda: Play().closed())
APPEALED: Final = case(lambda: Play(APPEALS).appealed())
CONCLUDED: Final = case(lambda: Play(APPEALS).concluded())
DIRECTORY: Final = Directory
NEWER_ENTRY: Final = lambda: Directory(capacity=9)  # noqa: E731
NOBODY: Final = lambda: Directory(empty=True)  # noqa: E731
NO_ROWS: Final = lambda: decided  # noqa: E731
WITH_NOTICE: Final = lambda: with_notice  # noqa: E731

LINES: Final = (
    Line("/work", Role.OPERATOR, Services, "#bulk button[value=assign]", empty=lambda: Services(many=0)),
    Line("/work?view=mine", Role.EXPERT, Services, empty=lambda: Services(many=0)),
    Line("/export?view=past", Role.OPERATOR, Exports, "#export button[value=send]"),
    Line(f"/export/{EXPORT}", Role.OPERATOR, Exports),
    Line(f"/export/{EXPORT}?", Role.OPERATOR, ready),
    Line("/board", Role.OPERATOR, WITH_NOTICE, "#handover button", empty=NO_ROWS),
    Line(CASE, Role.OPERATOR, OPENED, "#act-claim", ("/-",), TWO),
    Line(CASE, Role.OPERATOR, ASKED),
    Line(CASE, Role.OPERATOR, CLOSED),
    Line(CASE, Role.OPERATOR, CONCLUDED),
    Line(CASE, Role.APPROVER, APPEALED),
    Line(CASE, Role.APPROVER, case(lambda: Play().to_approve()), "#act-send-back", (), CLOSED),
    Line(CASE, Role.EXPERT, case(lambda: Play().open().seat(FIRST), FIRST)),
    Line(f"{CASE}/opinion", Role.EXPERT, case(lambda: Play().open().seat(FIRST), FIRST), WRITTEN, (), TWO),
    Line(f"{CASE}/request", Role.OPERATOR, case(lambda: Play().open().judge(FIRST)), WRITTEN, (), TWO),
    Line(f"{CASE}/conclusion", Role.OPERATOR, case(lambda: Play().to_conclude()), WRITTEN, (), TWO),
    Line(f"{CASE}/extension", Role.OPERATOR, SEATED, WRITTEN, ("/term", "/why"), TWO),
    Line(f"{CASE}/return", Role.OPERATOR, SEATED, WRITTEN, ("/reasons",), TWO),
    Line(f"{CASE}/refusal", Role.OPERATOR, SEATED, WRITTEN, ("/reasons",), TWO),
    Line(f"{CASE}/appeal", Role.OPERATOR, CONCLUDED, WRITTEN, ("/grounds", "/basis"), TWO),
    Line(f"{CASE}/ruling", Role.APPROVER, APPEALED, WRITTEN, ("/outcome", "/why", "/basis"), TWO),
    Line("/look-over", Role.OFFICER, WITH_NOTICE, empty=NO_ROWS),
    Line("/look-over/p-1", Role.OFFICER, WITH_NOTICE, "#acts button[value=return]", (), NO_ROWS),
    Line("/look-over/p-1?", Role.OFFICER, NO_ROWS),
    Line("/decisions", Role.REGISTRAR, pilot(Stage.EXPEDIENT, HARMFUL), empty=pilot(Stage.FINISHED)),
    *(Line(CARD, Role.REGISTRAR, pilot(one)) for one in (Stage.LOOK_OVER, Stage.SUSPENDED, Stage.SCALED)),
    *(step(one.name) for one in steps.STEPS),
    *(correction(what) for what in ENTRIES),
    Line("/directory", Role.OPERATOR, DIRECTORY, "#enter button", empty=NOBODY),
    Line("/directory/teams", Role.ADMIN, DIRECTORY, "#enter button", empty=NOBODY),
    Line(EXPERTS, Role.OPERATOR, DIRECTORY),
    Line(EXPERTS, Role.APPROVER, lambda: Directory(personal=False)),
    Line(f"{EXPERTS}/entry", Role.OPERATOR, DIRECTORY, WRITTEN, ("/interests/0",), NEWER_ENTRY),
    Line("/directory/experts/expert-99/entry", Role.OPERATOR, DIRECTORY, WRITTEN),
    Line(f"{EXPERTS}/person", Role.OPERATOR, DIRECTORY, WRITTEN, ("/email",), NEWER_ENTRY),
    Line(f"{EXPERTS}/erasure", Role.OPERATOR, DIRECTORY, WRITTEN, (), NEWER_ENTRY),
    Line("/directory/teams/health-a/team", Role.ADMIN, DIRECTORY, WRITTEN, ("/members",)),
    Line("/people", Role.HEAD_ORGANISATION, known, "#people button[value=send]", empty=pilot(Stage.FINISHED)),
    Line(f"{CARD}/commission", Role.HEAD_ORGANISATION, known, WRITTEN, alone=False),
    Line("/notices", Role.OPERATOR, WITH_NOTICE, empty=NO_ROWS),
    Line("/nothing", Role.OPERATOR, lambda: nothing),
    Line(CASE, Role.OPERATOR, lambda: refusing),
    Line("/sign-in", Role.OPERATOR, lambda: nothing),
)


@pytest.fixture(autouse=True)
def _every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The edition has every way that a pilot and a case can go."""
    monkeypatch.setattr(papers, "load", lambda: ALL_ON)
    monkeypatch.setattr(allowed, "load", lambda: APPEALS)


def in_all_states(page: Page, world: World, line: Line, addresses: Iterator[str]) -> Iterator[str]:
    """Brings a page into one state after another; each is told when the page is in it."""
    world.becomes(line.full())
    page.goto(next(addresses))
    for one in page.locator("details").all():
        one.evaluate("e => e.open = true")
    yield "full"
    if line.form:
        world.command = faulty(*line.faults) if line.faults else None
        yield from _sent(page, line, "faults")
    if line.newer:
        world.becomes(line.full(), stale(world, line.newer()))
        page.goto(next(addresses))
        yield from _sent(page, line, "changed", fill=True)
        expect(page.locator("#versions")).to_be_visible()
    if line.form and line.newer and line.alone:
        world.becomes(line.full(), away)
        page.goto(next(addresses))
        yield from _sent(page, line, "lost", fill=True)
    if line.empty:
        world.becomes(line.empty())
        found = page.goto(next(addresses))
        assert found is not None and found.ok, f"{page.url} is no page of an empty system"
        yield "empty"
    if line.alone:
        world.becomes(away)
        page.goto(next(addresses))
        yield "away"


def _sent(page: Page, line: Line, state: str, *, fill: bool = False) -> Iterator[str]:
    button = page.locator(line.form)
    if fill:
        button.evaluate(f"one => ({FILL})(one.form)")
    button.evaluate("one => { one.form.noValidate = true; const d = one.closest('details'); if (d) d.open = true; }")
    button.click()
    expect(page.locator("#faults")).to_be_visible()
    yield state


def languages(wanted: str, number: int) -> Iterator[str]:
    """In which language a page is opened, visit by visit."""
    return (
        itertools.islice(itertools.cycle(LANGUAGES), number % 3, None) if wanted == TURNS else itertools.repeat(wanted)
    )


@pytest.mark.parametrize("language", [TURNS, *(pytest.param(one, marks=pytest.mark.soak) for one in LANGUAGES)])
def test_every_page_in_every_state_is_accessible_and_narrow(
    browser: Browser, accessible: Look, language: str, reports: list[str]
) -> None:
    world, seen = World(), set[str]()
    with served(world, memory=world.memory) as url:
        for role in dict.fromkeys(line.who for line in LINES):
            context = browser.new_context(locale="ru-RU")
            context.set_default_timeout(PATIENCE)
            context.on("console", lambda said: reports.append(said.text) if said.type == "error" else None)
            page = context.new_page()
            page.goto(f"{url}/ru/sign-in?then=/sign-in")
            page.get_by_role("button", name=NAMES[role]).click()
            for number, line in enumerate(LINES):
                if line.who != role:
                    continue
                addresses = (f"{url}/{one}{line.path}" for one in languages(language, number))
                for state in in_all_states(page, world, line, addresses):
                    accessible(page)
                    narrow(page)
                    if state == "full":
                        on_paper(page)
                    seen.add(state)
            context.close()
    assert seen == {"full", "faults", "changed", "lost", "empty", "away"}
    assert [one for one in reports if not EXPECTED.search(one)] == []


def test_every_page_of_the_bench_has_a_line() -> None:
    written = {*steps.PAGES, *(f"correction/{one}/1" for one in papers.RECORD_OF)}
    assert {f"{CARD}/{one}" for one in written} <= {line.path for line in LINES}
