"""Spreadsheets: a file is sent, its headings are found and its columns guessed; both are corrected by hand. It is
tried, then sent for good, may be stopped and resumed; each fault is told by row and column, and marked in the file."""

import asyncio
import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.topics import INTAKE
from services.desk import forms
from services.desk.clients import Away, Refused
from services.desk.forms import Filled
from services.desk.pages.portal import agency, mapping
from services.desk.visit import Posted, PostedOf, UploadedOf, Visit, VisitOf

HERE: Final = "/portal/spreadsheets"
LAST: Final = f"{HERE}/last"
"""Under what the mapping that was chosen last is kept, for the next file."""
ROWS: Final = 50
MOST_TOLD: Final = 500
"""So many faults stand on the page; the file has all of them."""
FILES: Final[Mapping[str, str]] = {"report": "text/csv", "marked": "application/octet-stream"}
OPEN: Final = ("waiting", "working")
TURNS: Final = ("stop", "resume")
OF_THE_FILE: Final = (413, 422)
"""With what it is refused for what it is: another one has to be chosen."""


def make_router() -> APIRouter:
    """`/portal/spreadsheets`."""
    router = APIRouter()

    @router.get("/{language}/portal/spreadsheets", response_class=HTMLResponse)
    async def listed(visit: VisitOf, after: str = "") -> Response:
        """The imports of the agency, and a form for a new one."""
        return await _listed(visit, after)

    @router.post("/{language}/portal/spreadsheets", response_class=HTMLResponse)
    async def upload(posted: UploadedOf) -> Response:
        """A file is sent; its columns are asked for next."""
        return await _uploaded(posted)

    _reading(router)
    _following(router)
    return router


def _reading(router: APIRouter) -> None:
    @router.get("/{language}/portal/spreadsheets/files/{id}", response_class=HTMLResponse)
    async def columns(id: str, visit: VisitOf, saved: str = "") -> Response:
        """What the columns of a file are."""
        kept = await visit.desk.drafts.find(visit.person, visit.here)
        how = dict(kept.fields) if kept else {}
        reading = await _read(visit, id, how.get("sheet", ""), how.get("header", ""))
        before = await visit.desk.drafts.find(visit.person, LAST)
        first = mapping.first(reading, dict(before.fields) if before else {})
        filled = await forms.opened(visit, "", (), tuple(first.items()))
        return await _columns(visit, reading, filled, said=visit.words.say("form.saved") if saved else "")

    @router.post("/{language}/portal/spreadsheets/files/{id}", response_class=HTMLResponse)
    async def tried(id: str, posted: PostedOf) -> Response:
        """They are chosen: the file is tried. Nothing is sent by that."""
        return await _tried(posted, id)


def _following(router: APIRouter) -> None:
    @router.get("/{language}/portal/spreadsheets/{id}", response_class=HTMLResponse)
    async def one(id: str, visit: VisitOf) -> Response:
        """How far an import is, and what is wrong with which row."""
        return await _shown(visit, id)

    @router.post("/{language}/portal/spreadsheets/{id}", response_class=HTMLResponse)
    async def turn(id: str, posted: PostedOf) -> Response:
        """It is sent for good, stopped, or resumed."""
        return await _turned(posted, id)

    @router.get("/{language}/portal/spreadsheets/{id}/{what}")
    async def file(id: str, what: str, visit: VisitOf) -> Response:
        """The list of faults, or the file with each of them marked."""
        if what not in FILES:
            raise Refused(404, {})
        card = await _card(visit, id)
        content = (await visit.ask_for_file(INTAKE, f"/v1/imports/{quote(id, safe='')}/{what}")).body
        suffix = ".csv" if what == "report" else PurePath(card["file"]).suffix
        name = quote(f"{PurePath(card['file']).stem}-{visit.words.say(f'sheet.file-{what}')}{suffix}")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(content, headers=headers, media_type=FILES[what])


# ---- the list


async def _listed(
    visit: Visit, after: str = "", *, faults: Mapping[str, str] | None = None, status: int = 200
) -> HTMLResponse:
    agency.of(visit)
    try:
        found = (await visit.ask(INTAKE, "/v1/imports", after=after, limit=ROWS)).body
    except Away:
        if not faults:
            raise
        found = None
    faulty = next(iter((faults or {}).values()), "")
    return visit.page(
        "portal/spreadsheets.html",
        status,
        rows=found["items"] if found else (),
        listed=found is not None,
        held=await visit.desk.drafts.held(visit.person, HERE),
        next=urlencode({"after": found["next"]}) if found and found["next"] else "",
        faults=faults or {},
        said=faulty or (visit.words.count("sheet.found", len(found["items"])) if found else ""),
    )


async def _uploaded(posted: Posted) -> Response:
    """What was chosen now, else what is held of before. It is held until intake has it, or says that it is no table."""
    visit, drafts = posted.visit, posted.visit.desk.drafts
    agency.of(visit)
    if posted.get("do") == "let-go":
        await drafts.let_go(visit.person, HERE)
        return RedirectResponse(visit.address(HERE), 303)
    held = None if posted.files else await drafts.held(visit.person, HERE)
    file = posted.files.get("file") or (held and held.file)
    if not file:
        return await _listed(visit, faults={"file": visit.words.say("sheet.no-file")}, status=422)
    body = {"file": file.name, "content": base64.b64encode(file.content).decode()}
    try:
        answer = await visit.send(INTAKE, "/v1/import-files", body, key=held.key if held else posted.key)
    except Away as away:
        await posted.keep()
        return await _listed(visit, faults={"-away": visit.is_away(away)}, status=503)
    except Refused as error:
        await (drafts.let_go(visit.person, HERE) if error.status in OF_THE_FILE else posted.keep())
        if error.status in (401, 404):
            raise
        told = "; ".join(forms.faults_of(error, lambda _pointer: None, visit.words).values())
        return await _listed(visit, faults={"file": told}, status=error.status)
    await drafts.let_go(visit.person, HERE)
    return RedirectResponse(visit.address(f"{HERE}/files/{answer.body['id']}"), 303)


# ---- the columns of a file


async def _read(visit: Visit, id_: str, sheet: str, header: str) -> Mapping[str, Any]:
    """What stands in a file, read as was chosen; where it cannot be read so, as it was found."""
    agency.of(visit)
    path = f"/v1/import-files/{quote(id_, safe='')}"
    try:
        found = await visit.ask_for_file(INTAKE, path, sheet=sheet, header=header)
    except Refused as error:
        if error.status != 422:
            raise
        found = await visit.ask_for_file(INTAKE, path)
    reading: Mapping[str, Any] = found.body
    return reading


async def _tried(posted: Posted, id_: str) -> Response:
    visit = posted.visit
    try:
        reading = await _read(visit, id_, posted.get("sheet"), posted.get("header"))
        edition = await agency.edition(visit)
    except Away:
        await posted.keep()
        raise
    if anew := posted.get("do") == "read":  # another sheet, or other headings
        posted = replace(posted, fields=mapping.anew(reading, posted.fields))
    await posted.keep()
    filled = forms.typed_in(posted)
    if anew:
        return await _columns(visit, reading, filled)
    if lacking := _lacking(visit, filled):
        return await _columns(visit, reading, filled, lacking, 422)
    toml = mapping.text(filled, agency.of(visit), edition, reading, visit.words.language)
    body = {"file": reading["file"], "kept": id_, "toml": toml, "dry_run": True}
    answer = await _asked(visit, body, posted.key)
    if isinstance(answer, str):
        await visit.desk.drafts.keep(visit.person, LAST, posted.fields)
        return RedirectResponse(visit.address(f"{HERE}/{answer}"), 303)
    return await _columns(visit, reading, filled, answer.faults, answer.status)


def _lacking(visit: Visit, filled: Filled) -> dict[str, str]:
    """What has to be chosen and is not; with a mapping of one's own, nothing."""
    if filled[mapping.OWN].strip():
        return {}
    return {
        f"from-{one.name}": _choose(visit, one)
        for one in mapping.TARGETS
        if one.needed and not filled[f"from-{one.name}"] and not filled[f"same-{one.name}"].strip()
    }


def _choose(visit: Visit, target: mapping.Target) -> str:
    if target.path == mapping.TIME:
        return visit.words.say("sheet.choose-time")
    return visit.words.say("sheet.choose", field=mapping.called(visit.words, target))


async def _asked(visit: Visit, body: Mapping[str, Any], key: str) -> str | forms.Trouble:
    """The id of an import that was asked for, or what stands in its way. The same asked again is the same import, and
    with other columns it is another one. Raises Refused 401 and 404."""
    key = hashlib.sha256(f"{key}{json.dumps(body)}".encode()).hexdigest()
    try:
        return str((await visit.send(INTAKE, "/v1/imports", body, key=key)).body["id"])
    except Away as away:
        return forms.Trouble({"-away": visit.is_away(away)}, 503)
    except Refused as error:
        if error.status in (401, 404):
            raise
        return forms.Trouble(forms.faults_of(error, mapping.place, visit.words), error.status)


async def _columns(
    visit: Visit,
    reading: Mapping[str, Any],
    filled: Filled,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    *,
    said: str = "",
) -> HTMLResponse:
    words, edition = visit.words, await agency.edition(visit)
    headings = list(dict.fromkeys(reading["headings"]))
    targets = [
        {
            "name": one.name,
            "called": mapping.called(words, one),
            "needed": one.needed,
            "kind": one.kind,
            "codes": [(code, getattr(named, words.language)) for code, named in mapping.options(edition, one)],
            "unknown": mapping.unknown(filled, edition, one, reading),
        }
        for one in mapping.offered(edition)
    ]
    return visit.page(
        "portal/columns.html",
        status,
        reading=reading,
        filled=filled,
        headings=headings,
        targets=targets,
        faults=faults or {},
        said=said or next(iter((faults or {}).values()), "") or words.count("sheet.rows", reading["rows"]),
    )


# ---- one import


async def _card(visit: Visit, id_: str) -> Mapping[str, Any]:
    agency.of(visit)
    card: Mapping[str, Any] = (await visit.ask(INTAKE, f"/v1/imports/{quote(id_, safe='')}")).body
    return card


async def _shown(
    visit: Visit, id_: str, *, faults: Mapping[str, str] | None = None, status: int = 200, key: str = ""
) -> HTMLResponse:
    card = await _card(visit, id_)
    told = await _told(visit, id_) if card["report"] else []
    words, state = visit.words, visit.words.code("sheet-state", card["state"])
    return visit.page(
        "portal/import.html",
        status,
        card=card,
        going=card["state"] in OPEN,
        wrong=told[:MOST_TOLD],
        more=max(0, len(told) - MOST_TOLD),
        problems=[one.get(f"message_{words.language}") or one["message"] for one in card["problems"]],
        counts=[name for name in ("registered", "duplicates", "rejected", "refused", "parked", "in_flight")],
        faults=faults or {},
        key=key,
        said=next(iter((faults or {}).values()), state),
    )


async def _told(visit: Visit, id_: str) -> list[dict[str, str]]:
    """What is wrong with which row, in the reader's words."""
    content = (await visit.ask_for_file(INTAKE, f"/v1/imports/{quote(id_, safe='')}/report")).body
    return await asyncio.to_thread(lambda: list(_faults(content, visit.language)))


def _faults(content: bytes, language: str) -> Iterator[dict[str, str]]:
    told = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";")
    for one in sorted(told, key=lambda one: int(one["row"])):
        named = {name: one[name] for name in ("row", "column", "rule", "severity", "action")}
        yield {**named, "text": one[language] or one["ru"]}


async def _turned(posted: Posted, id_: str) -> Response:
    visit, what = posted.visit, posted.get("do")
    card = await _card(visit, id_)
    if what == "send" and card["kept"]:
        body = {"file": card["file"], "kept": card["kept"], "toml": card["toml"], "dry_run": False}
        answer = await _asked(visit, body, posted.key)
        if isinstance(answer, str):
            return RedirectResponse(visit.address(f"{HERE}/{answer}"), 303)
        return await _shown(visit, id_, faults=_by_itself(answer.faults), status=answer.status, key=posted.key)
    if what not in TURNS:
        return await _shown(visit, id_)
    try:
        await visit.send(INTAKE, f"/v1/imports/{quote(id_, safe='')}/{what}", None, key=posted.key)
    except Away as away:
        return await _shown_or_raise(visit, id_, away)
    except Refused as error:
        if error.status in (401, 404):
            raise
        return await _shown(visit, id_, faults={"-": error.detail}, status=error.status)
    return RedirectResponse(visit.address(f"{HERE}/{id_}"), 303)


async def _shown_or_raise(visit: Visit, id_: str, away: Away) -> Response:
    """The page with the word that the service is away, where it can be shown at all."""
    return await _shown(visit, id_, faults={"-away": visit.is_away(away)}, status=503)


def _by_itself(faults: Mapping[str, str]) -> dict[str, str]:
    """Faults where there are no fields."""
    return {f"-{n}": text for n, text in enumerate(faults.values())}
