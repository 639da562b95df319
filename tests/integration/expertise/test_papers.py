"""An issued conclusion stays as it was signed: its bytes are laid down before its fact, and nothing makes them anew."""

import asyncio
import io
import threading
from contextlib import suppress
from hashlib import sha256
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest
from pypdf import PdfReader

from contracts.expertise import ConclusionIssuedV1, PaperForm, PersonErasedV1
from contracts.topics import fact_topic
from contracts.words import wording
from services.chassis.store import SUBJECTS
from services.chassis.subject import Record
from services.expertise.documents import press as printer
from services.expertise.documents.press import Press
from services.expertise.documents.shelf import PAPERS, PRINTING
from services.expertise.service import SERVICE
from tests.kit.engine.tiny import Crash, Hooked, crash
from tests.kit.expertise.cases import Build
from tests.kit.expertise.world import AP, BASIS, OP, WHY, World, book, entry_of, expert
from tests.kit.people import Person
from tests.kit.rebuilt import rebuilt

SUPERSEDED = wording("paper.standing.superseded").ru
ADMIN = Person("admin-1", ("admin",))
CHAIR = Person("approver-9", ("approver",))
AUTHOR, LATER, CHIEF = "Образцова Мария Примеровна", "Новова Мария Примеровна", "Примеров Пример Примерович"
TOPIC = fact_topic("expertise")


async def named(world: World, who: Person, name: str) -> None:
    answer = await world.ask("put", "/me/person", who, {"name": name, "email": "m@example.test"})
    assert answer.status_code == 200, answer.text


async def written(world: World, pilot: str = "p1") -> None:
    """A case with a conclusion that waits for its approval; both signers have names."""
    await named(world, OP, AUTHOR)
    await named(world, AP, CHIEF)
    await world.opened(pilot)
    await world.do(pilot, "claim")
    await world.seat(pilot, "expert-a", "expert-b")
    for name in "ab":
        await world.judge(pilot, f"expert-{name}", text="Мнение.")
    await world.do(pilot, "conclusion", OP, {"verdict": "positive", "text": "Целесообразно."})


async def approved_unprinted(world: World, pilot: str = "p1") -> None:
    """The same, approved and numbered, with the press standing still."""
    world.press = cast(Press, Standing())
    await written(world, pilot)
    await world.do(pilot, "conclusion/approval", AP)
    world.press = Press(world.engine, world.rules)


class Standing:
    """A press that prints nothing."""

    async def turn(self) -> int:
        return 0


async def paper_of(world: World, who: Person = OP, pilot: str = "p1", form: str = "pdf") -> httpx.Response:
    number = (await world.get(f"/reviews/{pilot}", who))["conclusions"][0]["number"]
    return await world.ask("get", f"/reviews/{pilot}/conclusions/{number}/document?format={form}", who)


def issued(world: World) -> list[dict[str, Any]]:
    """The facts by which conclusions were issued, each once."""
    events = {e["id"]: e["data"] for e in world.broker.events(TOPIC) if e["type"] == ConclusionIssuedV1.TYPE}
    return list(events.values())


def text_of(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages)


async def test_a_paper_is_the_same_bytes_after_a_signer_has_another_name_or_is_erased_and_its_fact_has_the_digests(
    world: World,
) -> None:
    await written(world)
    await world.do("p1", "conclusion/approval", AP)
    before = {form: (await paper_of(world, form=form)).content for form in ("pdf", "docx")}
    assert AUTHOR in text_of(before["pdf"]) and CHIEF in text_of(before["pdf"]) and before["docx"][:2] == b"PK"
    [fact] = issued(world)
    assert {one["form"]: one["sha256"] for one in fact["papers"]} == {
        form: sha256(content).hexdigest() for form, content in before.items()
    }
    assert {one["size"] for one in fact["papers"]} == {len(content) for content in before.values()}
    assert (await world.get("/reviews/p1"))["conclusions"][0]["papers"] == fact["papers"]
    await named(world, OP, LATER)
    await world.ask("put", f"/experts/{AP.id}", OP, entry_of())  # who is in the directory is erased with a fact
    for who in (OP, AP):
        assert (await world.ask("delete", "/me/person", who)).status_code == 204
    await world.settle()
    assert any(e["type"] == PersonErasedV1.TYPE for e in world.broker.events(TOPIC)), "an erasure has its own record"
    for form, content in before.items():
        again = await paper_of(world, form=form)
        assert again.content == content
        assert again.headers["ETag"] == f'"{sha256(content).hexdigest()}"'
    facts = "".join(message.value.decode() for message in world.broker.log)
    assert AUTHOR not in facts and CHIEF not in facts, "names stand on the paper alone"


@pytest.mark.parametrize(
    ("when", "call", "name"),
    [
        ("before", "add", LATER),  # nothing lies there yet: printed anew with the name of that time
        ("after", "add", AUTHOR),  # the bytes lie there: they are the paper, whatever the name is now
        ("before", "write", AUTHOR),
        ("after", "write", AUTHOR),
        ("before", "remove", AUTHOR),
    ],
)
async def test_a_crash_at_any_step_of_printing_leaves_one_paper_and_one_fact_with_its_digests(
    world: World, when: str, call: str, name: str
) -> None:
    await approved_unprinted(world)
    hooked = Hooked(world.store)
    getattr(hooked, when)[call] = crash
    with suppress(Crash):
        await Press(world.replica("dying", hooked), world.rules).turn()
    await named(world, OP, LATER)
    world.clock.forward(seconds=61)
    await world.engine.sweep(world.clock() - world.clock())
    await world.settle()
    [fact] = issued(world)
    content = (await paper_of(world)).content
    assert name in text_of(content)
    assert sha256(content).hexdigest() in {one["sha256"] for one in fact["papers"]}
    assert await world.store.rows(PRINTING, {}, sort=[("_id", 1)], limit=9) == []
    assert len(await world.store.rows(PAPERS, {}, sort=[("_id", 1)], limit=9)) == 1


async def test_two_presses_at_once_print_one_paper_also_where_the_name_changes_in_between(world: World) -> None:
    await approved_unprinted(world)
    presses = [Press(world.replica(f"r{n}"), world.rules) for n in range(4)]
    await asyncio.gather(*(one.turn() for one in presses), named(world, OP, LATER))
    for one in presses:
        await one.engine.outbox.flush()
    await world.settle()
    [fact] = issued(world)
    for one in fact["papers"]:
        content = (await paper_of(world, form=one["form"])).content
        assert sha256(content).hexdigest() == one["sha256"]


async def test_what_is_read_again_from_the_beginning_prints_nothing_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(world)
    await world.do("p1", "conclusion/approval", AP)
    monkeypatch.setattr(printer, "MADE", {})
    log = len(world.broker.log)
    everything = [m for m in world.broker.log if m.topic == TOPIC]
    await world.engine.records([Record(TOPIC, 0, n, m.key.encode(), m.value) for n, m in enumerate(everything)])
    await world.settle()
    assert len(world.broker.log) == log and len(issued(world)) == 1
    assert await world.store.rows(PRINTING, {}, sort=[("_id", 1)], limit=9) == []


async def test_while_a_conclusion_is_printed_the_service_answers_and_other_facts_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await approved_unprinted(world)
    go, begun = threading.Event(), threading.Event()

    def slow(_paper: object) -> bytes:
        begun.set()
        assert go.wait(30)
        return b"%PDF"

    monkeypatch.setattr(printer, "MADE", {form: slow for form in PaperForm})
    printing = asyncio.create_task(world.press.turn())
    try:
        assert await asyncio.to_thread(begun.wait, 30)
        world.press = cast(Press, Standing())
        await world.opened("p2")
        await world.do("p2", "claim")
        assert (await world.get("/reviews/p1"))["status"] == "numbering"
    finally:
        go.set()
    assert await printing == 1
    await world.settle()
    assert (await world.get("/reviews/p1"))["status"] == "concluded"


async def test_the_second_person_reads_the_draft_as_its_paper_will_look_before_approving_and_nothing_of_it_is_kept(
    world: World,
) -> None:
    await written(world)
    case, path = await world.get("/reviews/p1"), "/reviews/p1/conclusion/document"
    answer = await world.ask("get", path, AP)
    assert answer.headers["Content-Type"] == "application/pdf" and "no-store" in answer.headers["Cache-Control"]
    assert quote(f"{case['number']} ({wording('paper.draft').ru}).pdf") in answer.headers["Content-Disposition"]
    draft = text_of(answer.content)
    for said in (wording("paper.draft").ru.upper(), "Целесообразно.", AUTHOR, case["number"], "Эксперт 2"):
        assert said in draft, said
    assert CHIEF not in draft, "who has not signed stands under nothing"
    assert await world.store.count(PAPERS, {}, 1) == 0
    assert (await world.ask("get", path, expert("expert-a"))).status_code == 403, "it is no expert's"
    seated = Person("expert-a", ("expert", "approver"))
    assert (await world.ask("get", path, seated)).status_code == 404, "nor an approver's who sits on the case"
    await world.do("p1", "conclusion/approval", AP)
    assert (await world.ask("get", path, AP)).status_code == 404, "there is a paper now"
    paper = text_of((await paper_of(world)).content)
    assert wording("paper.draft").ru.upper() not in paper and CHIEF in paper


async def test_a_case_that_cannot_be_read_holds_up_the_paper_of_no_other(world: World) -> None:
    for pilot in ("p1", "p2"):
        await approved_unprinted(world, pilot)
    await world.store.mark(SUBJECTS, {"_id": "p1"}, {"state": "no case"})
    assert await world.press.turn() == 1
    [left] = await world.store.rows(PRINTING, {}, sort=[("_id", 1)], limit=9)
    assert (left["pilot"], left["tries"]) == ("p1", 1), "it is tried again later"


async def test_lost_or_altered_bytes_are_never_given_out_nor_made_anew_and_a_copy_with_the_digest_puts_them_back(
    world: World,
) -> None:
    await written(world)
    await world.do("p1", "conclusion/approval", AP)
    good = (await paper_of(world)).content
    [row] = await world.store.rows(PAPERS, {}, sort=[("_id", 1)], limit=9)
    number = row["_id"].partition("/")[2]
    path = f"/reviews/p1/conclusions/{number}/document"
    await world.store.put(PAPERS, [{**row, "pdf": good + b" "}])
    answer = await paper_of(world)
    assert (answer.status_code, answer.json()["title"]) == (500, "paper.altered")
    await world.store.remove(PAPERS, [row["_id"]])
    answer = await paper_of(world)
    assert (answer.status_code, answer.json()["title"]) == (500, "paper.missing")
    assert (await put(world, path, b"other", ADMIN)).json()["title"] == "paper.other"
    assert (await put(world, path, good, OP)).status_code == 403
    for _ in range(2):
        assert (await put(world, path, good, ADMIN)).json() == {"number": number, "form": "pdf"}
    assert (await paper_of(world)).content == good
    assert (await paper_of(world, form="docx")).status_code == 500, "the other form has to be put back too"
    assert (await put(world, path, bytes(row["docx"]), ADMIN)).status_code == 200
    assert (await paper_of(world, form="docx")).content == bytes(row["docx"])


async def put(world: World, path: str, content: bytes, who: Person) -> httpx.Response:
    transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        headers = {"Authorization": f"Bearer {who.token}", "Content-Type": "application/octet-stream"}
        return await client.put(f"/v1{path}", headers=headers, content=content)


async def test_a_conclusion_that_an_earlier_program_issued_has_its_paper_from_the_first_reading_on(
    world: World,
) -> None:
    await written(world)
    await world.do("p1", "conclusion/approval", AP)
    await world.store.mark(SUBJECTS, {"_id": "p1"}, {"state.conclusions.0.papers": []})
    [row] = await world.store.rows(PAPERS, {}, sort=[("_id", 1)], limit=9)
    await world.store.remove(PAPERS, [row["_id"]])
    first = (await paper_of(world)).content
    assert AUTHOR in text_of(first)
    await named(world, OP, LATER)
    assert (await paper_of(world, AP)).content == first


async def test_an_appeal_alters_no_issued_paper_its_amendment_has_one_of_its_own_and_file_names_tell_what_fell(
    build: Build,
) -> None:
    world = await build(book("appeal"))
    for name in ("expert-a", "expert-b"):
        await world.enter(name)
    await written(world)
    await world.do("p1", "conclusion/approval", AP)
    first = await paper_of(world)
    await world.do("p1", "appeal", OP, {"grounds": "Не согласны.", "basis": BASIS})
    amended = {"verdict": "negative", "text": "Нецелесообразно."}
    await world.do("p1", "appeal/decision", CHAIR, {"outcome": "amended", "basis": BASIS, **WHY, "amended": amended})
    await world.do("p1", "conclusion/approval", Person("approver-8", ("approver",)))
    again = await paper_of(world)
    assert again.content == first.content
    assert "%D0%98%D0%B7%D0%BC%D0%B5%D0%BD%D0%B5%D0%BD%D0%BE" in again.headers["Content-Disposition"], "Изменено"
    second = (await world.get("/reviews/p1"))["conclusions"][1]
    newer = await world.ask("get", f"/reviews/p1/conclusions/{second['number']}/document", expert("expert-a"))
    assert newer.content != first.content and "Нецелесообразно." in text_of(newer.content)
    assert [len(fact["papers"]) for fact in issued(world)] == [2, 2]


async def test_the_paper_of_a_superseded_conclusion_stays_and_its_file_says_so(world: World) -> None:
    await written(world)
    await world.do("p1", "conclusion/approval", AP)
    first = await paper_of(world)
    assert quote(SUPERSEDED) not in first.headers["Content-Disposition"]
    await world.opened("p1", submission=2)
    await world.seat("p1", "expert-c")
    await world.judge("p1", "expert-c", text="Мнение.")
    await world.conclude("p1")
    assert [one["standing"] for one in (await world.get("/reviews/p1"))["conclusions"]] == ["superseded", "in-force"]
    again = await paper_of(world)
    assert again.content == first.content
    assert quote(SUPERSEDED) in again.headers["Content-Disposition"]


async def test_a_rebuild_takes_the_papers_over_as_they_are_and_prints_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(world)
    await world.do("p1", "conclusion/approval", AP)
    before = (await paper_of(world)).content
    monkeypatch.setattr(printer, "MADE", {})
    async with rebuilt(SERVICE, world.store, world.broker) as (new, report):
        assert report.good and report.copied[PAPERS] == 1
        other = World(new, world.rules)
        other.clock.time = world.clock()
        assert (await paper_of(other)).content == before
