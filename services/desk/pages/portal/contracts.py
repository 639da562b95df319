"""Contracts: the types of events that agencies send and are sent; of each its schema, an example, and its rules."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.topics import INTAKE
from services.desk.visit import VisitOf
from services.desk.words import Words

HERE: Final = "/portal/contracts"
DEEPEST: Final = 8
Schema = Mapping[str, Any]


def make_router() -> APIRouter:
    """`/portal/contracts`."""
    router = APIRouter()

    @router.get("/{language}/portal/contracts", response_class=HTMLResponse)
    async def types(visit: VisitOf) -> Response:
        """The types of events."""
        found = (await visit.ask(INTAKE, "/v1/contracts")).body["items"]
        words = visit.words
        return visit.page(
            "portal/contracts.html",
            rows=found,
            name=lambda one: words.code("event", kind_of(one["type"])),
            purpose=lambda one: purpose(words, one["type"]),
        )

    @router.get("/{language}/portal/contracts/{type}", response_class=HTMLResponse)
    async def contract(type: str, visit: VisitOf) -> Response:
        """One type."""
        found = (await visit.ask(INTAKE, f"/v1/contracts/{quote(type, safe='')}")).body
        return visit.page(
            "portal/contract.html",
            contract=found,
            name=visit.words.code("event", kind_of(found["type"])),
            purpose=purpose(visit.words, found["type"]),
            fields=list(fields_of(found["json_schema"])),
            example=json.dumps(found["example"], ensure_ascii=False, indent=2),
            schema=json.dumps(found["json_schema"], ensure_ascii=False, indent=2),
        )

    @router.get("/{language}/portal/contracts/{type}/{what}.json")
    async def file(type: str, what: str, visit: VisitOf) -> Response:
        """The schema or the example, as a file."""
        found = (await visit.ask(INTAKE, f"/v1/contracts/{quote(type, safe='')}")).body
        content = found["json_schema"] if what == "schema" else found["example"]
        suffix = "json" if what == "schema" else "example.json"
        headers = {"Content-Disposition": f'attachment; filename="{found["type"]}.{suffix}"'}
        text = json.dumps(content, ensure_ascii=False, indent=2)
        return Response(f"{text}\n", headers=headers, media_type="application/json")

    return router


def kind_of(type_: str) -> str:
    """A type without its owner and version, by which it has words."""
    return type_.split(".")[2]


def purpose(words: Words, type_: str) -> str:
    """What a type is for, by its kind and version."""
    return words.code("event-for", type_.split(".", 2)[2])


def fields_of(schema: Schema) -> Iterator[dict[str, Any]]:
    """The fields of what an event says, each with its place, what it is, and whether it must be there."""
    known = schema.get("$defs", {})
    data = schema["properties"]["data"]
    yield from _fields(_resolved(data, known), known, "/data", 0)


def _fields(said: Schema, known: Schema, at: str, depth: int) -> Iterator[dict[str, Any]]:
    needed = said.get("required", ())
    for name, one in said.get("properties", {}).items():
        inner, pointer = _resolved(one, known), f"{at}/{name}"
        kind = inner.get("format") or inner.get("type", "")
        shown = {"pointer": pointer, "needed": name in needed, "kind": kind, "most": _most(inner)}
        yield {**shown, "codes": ", ".join(map(str, inner.get("enum", ())))}
        if kind == "array":
            inner, pointer = _resolved(inner["items"], known), f"{pointer}/0"
        if depth < DEEPEST:
            yield from _fields(inner, known, pointer, depth + 1)


def _most(said: Schema) -> int | None:
    return next((said[name] for name in ("maxLength", "maxItems", "maximum") if name in said), None)


def _resolved(said: Schema, known: Schema) -> Schema:
    """A schema without its reference, and without that it may be null."""
    found = next((one for one in said.get("anyOf", ()) if one.get("type") != "null"), said)
    name = str(found.get("$ref", "")).rpartition("/")[2]
    inside: Schema = known.get(name, found)
    return inside
