"""A spreadsheet that was chosen and could not be sent is held for whoever chose it, within a bound, until its end."""

import base64
import json
from datetime import timedelta
from typing import cast

import httpx
import pytest

from contracts.words import LANGUAGES
from services.chassis.store import Store
from services.desk.drafts import MOST_OF_A_FILE, Chosen, Drafts
from services.desk.pages.portal.spreadsheets import HERE
from services.desk.visit import SWITCH
from tests.kit.desk.bench import Bench, bench

PATH, NAME, CONTENT = f"/ru{HERE}", "план <b>.csv", "Название;Сумма\nЗапись;5".encode("cp1251")


class Intake:
    """What keeps spreadsheets, or is away, or refuses."""

    def __init__(self) -> None:
        self.away, self.refusal, self.kept = False, 0, dict[str, dict[str, str]]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused")
        if request.method == "GET":
            return httpx.Response(200, json={"items": [], "next": None})
        if self.refusal:
            return httpx.Response(self.refusal, json={"title": "import.file", "detail": "Не таблица."})
        self.kept[request.headers["Idempotency-Key"]] = json.loads(request.content)
        return httpx.Response(201, json={"id": "a" * 32})


async def posted(at: Bench, *, file: bool = False, **fields: str) -> httpx.Response:
    """Opens the page and sends its form, with a file or with none chosen."""
    form = {**await fields_of(at), **fields}
    return await at.browser.post(PATH, data=form, files={"file": (NAME, CONTENT) if file else ("", b"")})


async def fields_of(at: Bench) -> dict[str, str]:
    """The hidden fields of the form."""
    return at.form((await at.browser.get(PATH)).text, "upload")


async def test_a_chosen_file_outlives_an_outage_and_is_sent_once_without_being_chosen_again() -> None:
    intake = Intake()
    async with bench(intake) as at:
        await at.enter("publisher")
        form = await fields_of(at)
        intake.away = True
        answer = await at.browser.post(PATH, data=form, files={"file": (NAME, CONTENT)})
        assert answer.status_code == 503 and "план &lt;b&gt;.csv" in answer.text and "Не отвечает" in answer.text
        intake.away = False
        for language in LANGUAGES:
            page = (await at.browser.get(f"/{language}{HERE}")).text
            assert 'id="held"' in page and NAME not in page
        for _ in range(2):  # the second press finds it sent
            answer = await posted(at)
        assert answer.status_code == 422 and "Выберите файл" in answer.text, "there is no other"
        [(key, sent)] = intake.kept.items()
        assert key == form["key"], "if intake had taken it, it would be the same one"
        assert sent["file"] == NAME and base64.b64decode(sent["content"]) == CONTENT
        assert 'id="held"' not in (await at.browser.get(PATH)).text


async def test_a_file_outlives_another_language_and_a_sign_in_that_ran_out_and_is_seen_by_its_owner_alone() -> None:
    intake = Intake()
    async with bench(intake) as at:
        session = await at.enter("publisher")
        answer = await posted(at, file=True, **{SWITCH: "be"})
        assert answer.headers["location"].startswith("/be/")
        assert 'id="held"' in (await at.browser.get(PATH)).text
        await posted(at, do="let-go")
        assert 'id="held"' not in (await at.browser.get(PATH)).text
        form = await fields_of(at)
        await at.desk.sessions.end(session.cookie)
        answer = await at.browser.post(PATH, data=form, files={"file": (NAME, CONTENT)})
        assert answer.status_code == 303 and "/sign-in" in answer.headers["location"]
        await at.enter("publisher")
        assert 'id="held"' in (await at.browser.get(PATH)).text
        assert await at.desk.drafts.held("pu-2", HERE) is None


@pytest.mark.parametrize(("status", "held"), [(422, False), (429, True)])
async def test_what_is_no_table_is_not_held_and_what_has_to_wait_is(status: int, held: bool) -> None:
    intake = Intake()
    async with bench(intake) as at:
        await at.enter("publisher")
        intake.refusal = status
        answer = await posted(at, file=True)
        assert answer.status_code == status and "Не таблица." in answer.text
        assert ('id="held"' in answer.text) is held


async def test_a_file_has_an_end_and_a_bound() -> None:
    async with bench(Intake()) as at:
        now = at.desk.now()
        moments = [now]
        drafts = Drafts(cast(Store, at.memory), 1.0, lambda: moments[0], 3600.0, 1.0)
        await drafts.hold("pu-1", HERE, Chosen("large.csv", bytes(MOST_OF_A_FILE + 1)), "k")
        assert await drafts.held("pu-1", HERE) is None
        await drafts.hold("pu-1", HERE, Chosen("a.csv", b"a"), "k1")
        await drafts.hold("pu-1", HERE, Chosen("b.csv", b"b"), "k2")
        found = await drafts.held("pu-1", HERE)
        assert found and (found.file, found.ends) == (Chosen("b.csv", b"b"), now + timedelta(hours=1))
        moments[0] = now + timedelta(hours=1)
        assert await drafts.held("pu-1", HERE) is None
        await drafts.sweep()
        assert at.memory.all["files"] == {}
