"""The OpenAPI document beyond what the framework writes: every status that a route can answer, with the problem
document; what a command answers; what operations are called; the tags.

What a route can answer follows from what it takes: a token, a subject in its path, a command's headers, a body, a
cursor. So it stands in one place, and a new route has it at once. Nothing here is asked when a request is answered.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from contracts.reference import Problem
from services.chassis.exampled import example_of, problem_of
from services.chassis.problems import MEDIA_TYPE
from services.chassis.public import OPEN

REFERENCE: Final = "#/components/schemas/{model}"
JSON: Final = "application/json"
PART: Final = re.compile(r"([A-Za-z]+)_([A-Za-z]+)_")
TOLD: Final = "-Output"
TAKEN: Final = "-Input"
SCHEMAS: Final = "x-schemas"
"""Where a route names the schemas that it refers to and no model has."""
FRAMEWORKS: Final = ("HTTPValidationError", "ValidationError")
"""What the framework says that a faulty request is answered with; here it never is."""
STATUSES: Final[Mapping[int, str]] = {
    400: "The request cannot be read: no JSON, a cursor of another list, or a header that is missing.",
    401: "There is no valid token.",
    403: "The token does not have the role that this needs, or the duty is another person's.",
    404: "It is not there, or not for this caller.",
    408: "The body did not come in time.",
    409: "It cannot be done as things stand: a conflict, or an id that was used for something else.",
    410: "It was there and is not kept any more.",
    412: "Somebody was faster: the answer has the present ETag.",
    413: "The body is too large.",
    415: "The body is packed or of another kind.",
    422: "Everything that is wrong, each with its place, its rule and its words.",
    428: "What is to be changed was not seen: If-Match is missing.",
    429: "Too many requests; Retry-After says when again.",
    500: "A stored state cannot be read, or something unforeseen: ops sees it.",
    503: "The database, the broker or the keys do not answer now; Retry-After says when again.",
}
TAGS: Final[Mapping[str, str]] = {
    "agencies": "What agencies' programs use: publishing events, and receipts (квитанции).",
    "board": "What is owed in all open cases, by whom and by when.",
    "changes": "Following the register from a cursor.",
    "conflicts": "Conflicts of interest (конфликт интересов).",
    "directory": "Who is known here: agencies, experts, teams (справочники).",
    "exports": "Lists to take out, made in the background.",
    "figures": "Figures for dashboards.",
    "finding": "Search, facets, similar pilots.",
    "health": "Whether a process runs and can work. Open to all.",
    "life": "The steps of a pilot from the council's decision on.",
    "look-over": "Applications, and what officers decide on them (рассмотрение на комплектность).",
    "money": "Planned, committed and paid.",
    "notices": "What a person is to know.",
    "operations": "For operations: metrics, parked and withheld records.",
    "personal data": "Names and contacts: kept apart, read with a trace, erased.",
    "pilots": "The register: lists, cards, timelines.",
    "public": "What everybody may read, without a token, limited in rate.",
    "reviews": "Cases of the expertise, and their queues.",
    "rules": "Editions of the rule book.",
    "webhooks": "What is sent to registered addresses, and those addresses.",
    "work": "The steps of a case.",
}
SERVER: Final = {"url": "/", "description": "The service that gives this document out"}
LICENCE: Final = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
CONDITIONAL: Final = (OPEN, "/v1/figures/")
"""Where an answer has an ETag that may be asked for."""
OPERATIONS: Final[Mapping[str, str]] = {
    "GET:/health/live": "checkLive",
    "GET:/health/ready": "checkReady",
    "GET:/health/serving": "checkServing",
    "GET:/health/start": "checkStarted",
    "GET:/metrics": "readMetrics",
    "GET:/v1/balance": "strikeBalance",
    "GET:/v1/balance/whole": "lookThroughBalance",
    "GET:/v1/parked": "listParked",
    "GET:/v1/parked/groups": "groupParked",
    "GET:/v1/parked/records/{place}": "getParked",
    "POST:/v1/parked/redrive": "redriveParked",
    "GET:/v1/parked/repairs": "listRepairs",
    "POST:/v1/parked/repairs": "proposeRepair",
    "GET:/v1/parked/repairs/{repair}": "getRepair",
    "POST:/v1/parked/repairs/{repair}/approval": "approveRepair",
    "POST:/v1/parked/repairs/{repair}/refusal": "declineRepair",
    "GET:/v1/withheld": "listWithheld",
    "GET:/v1/reading": "listReading",
    "GET:/v1/reading/skipped": "listSkipped",
    "POST:/v1/reading/skip": "skipRecord",
    "DELETE:/v1/me/person": "eraseMyPerson",
    "GET:/v1/me/person": "getMyPerson",
    "PUT:/v1/me/person": "saveMyPerson",
    "POST:/v1/persons/{person}/erasure": "erasePersonsData",
    "GET:/v1/persons/{person}/erasures": "listErasures",
}
"""What is called so in every service that has it."""


class ToldProblem(Problem):
    """One thing that is wrong, `message` being in the language that Accept-Language asks for."""

    message_en: str | None = None


class ToldRefusal(BaseModel):
    """One of several refusals that stand in the way together."""

    rule: str
    status: int
    detail: str


class ProblemDocument(BaseModel):
    """Every error (RFC 9457): everything that is wrong, and whether to fix it or to retry it as it is."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": True})

    type: str = Field(examples=["urn:lotsman:problem:not-found"])
    title: str = Field(description="The id of the rule", examples=["not-found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="In the language that Accept-Language asks for")
    action: str = Field(description="fix or retry", examples=["fix"])
    problems: list[ToldProblem] | None = None
    refusals: list[ToldRefusal] | None = None


class CommandAnswer(BaseModel):
    """A command was carried out: the subject stands at `version`. The ETag header is its present revision."""

    subject: str
    version: int = Field(examples=[4])


def describe(app: FastAPI) -> None:
    """Has the app's document written whole when it is first asked for."""
    written = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete(written())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def complete(document: dict[str, Any]) -> None:
    """Adds to a document what the framework cannot know."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (ProblemDocument, CommandAnswer):
        schema = model.model_json_schema(ref_template=REFERENCE)
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    used = set[str]()
    document["servers"] = [SERVER]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            used |= set(operation.get("tags", ()))
            schemas |= operation.pop(SCHEMAS, {})
            for name, sent in operation.pop("callbacks", {}).items():
                document.setdefault("webhooks", {})[name] = _webhook(sent)
            operation.setdefault("security", [])  # said, too, where no token is needed
            if "Idempotency-Key" in _headers(operation) and operation["responses"].get("200", {}).get("content"):
                content = operation["responses"]["200"]["content"]
                if not content.get(JSON, {}).get("schema"):
                    content[JSON] = {"schema": {"$ref": REFERENCE.format(model=CommandAnswer.__name__)}}
            answers = operation["responses"]
            own = {int(status) for status, said in answers.items() if status.isdigit() and not said.get("content")}
            if path.startswith(CONDITIONAL) and "200" in answers:
                answers["304"] = dict(SAME[304])
            for status in {*_statuses(path, operation), *(one for one in own if one >= 400)}:
                answers[str(status)] = _problem(status, answers.get(str(status), {}))
            operation["responses"] = dict(sorted(operation["responses"].items()))
    for name in (*FRAMEWORKS, *unused(document)):
        schemas.pop(name, None)
    _rename(document)
    _show(document)
    document["tags"] = [{"name": name, "description": TAGS[name]} for name in sorted(used)]


def _webhook(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent to whoever registered for it, where the framework has a callback, and what its receiver may
    answer."""
    [item] = sent.values()
    operation = item["post"]
    operation["security"] = []
    operation["responses"] = {
        "2XX": {"description": "It is taken."},
        "410": {"description": "Nothing more shall be sent here: the hook is switched off."},
        "default": {"description": "It is sent again later."},
    }
    return dict(item)


def _rename(document: dict[str, Any]) -> None:
    """Gives schemas the names by which programs call them, as title too: the framework's names of parts of lists have
    no letters only, and two models of one name have one title."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    called = {name: new for name in schemas if (new := _name(name)) != name}
    document["components"]["schemas"] = {
        called.get(name, name): {**schema, "title": called[name]} if name in called else schema
        for name, schema in schemas.items()
    }
    _refer(document, {REFERENCE.format(model=old): REFERENCE.format(model=new) for old, new in called.items()})


def _name(name: str) -> str:
    """What a model is called: `AgencyLinePage` for a part of a list, `ReferenceVerdict` where another module has a
    `Verdict` too, `BasisTold` for what is told in another form than it is taken in."""
    if (part := PART.fullmatch(name)) is not None:
        return f"{part[1].removeprefix('Page')}{part[2]}Page"
    if "__" in name:
        *_, module, name = name.split("__")
        name = f"{module.capitalize()}{name}"
    return f"{name.removesuffix(TOLD)}Told" if name.endswith(TOLD) else name.removesuffix(TAKEN)


def _show(document: dict[str, Any]) -> None:
    """Gives every answer an example: an error the one of its status, any other one of its form."""
    components, shown = document["components"], set[str]()
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    if kind == MEDIA_TYPE:
                        shown.add(status)
                        content["examples"] = {status: {"$ref": f"#/components/examples/{status}"}}
                    elif kind == JSON:
                        content["example"] = example_of(content["schema"], components["schemas"])
    for item in document.get("webhooks", {}).values():
        content = item["post"]["requestBody"]["content"][JSON]
        content["example"] = example_of(content["schema"], components["schemas"])
    components["examples"] = {status: {"value": problem_of(int(status))} for status in sorted(shown)}


def _refer(part: Any, names: Mapping[str, str]) -> None:
    """Has references of a part of a document point to new names."""
    if isinstance(part, dict):
        if part.get("$ref") in names:
            part["$ref"] = names[part["$ref"]]
        mapped = part.get("mapping") if "propertyName" in part else None  # of a discriminator
        if isinstance(mapped, dict):
            part["mapping"] = {key: names.get(one, one) for key, one in mapped.items()}
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _refer(one, names)


def unused(document: Mapping[str, Any]) -> set[str]:
    """The schemas that no route needs: a field that was the last to name them was taken out of what is shown."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    met, more = set[str](), named({**document, "components": {}})
    while more:
        met |= more
        more = named([schemas[one] for one in more if one in schemas]) - met
    return schemas.keys() - met


def named(part: Any) -> set[str]:
    """The schemas that a part of a document names."""
    return set(re.findall(r"'#/components/schemas/([^']+)'", repr(part)))


def _statuses(path: str, operation: Mapping[str, Any]) -> Iterator[int]:
    """The errors that an operation can answer, by what it takes. None takes just any name in its query."""
    yield 422
    if path.startswith("/health/"):
        return
    names = _headers(operation)
    command = "Idempotency-Key" in names
    if operation.get("security"):
        yield from (401, 403)
    yield 429  # the gate before every route: a caller's share is used up
    if command or any(one["name"] == "after" for one in operation.get("parameters", ())):
        yield 400
    if "{" in path:
        yield 404
    if command:
        yield from (409, 412, 428)
    if "requestBody" in operation:
        yield from (400, 408, 413)
    yield from (500, 503)


SAME_AGAIN: Final = "The same again: the answer that was given before."
SAME: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The caller has it already (If-None-Match)."}}
GONE: Final[dict[int | str, dict[str, Any]]] = {410: {"description": STATUSES[410]}}


def files(*kinds: str) -> dict[str, Any]:
    """What a route says of itself that answers with a file of one of these media types."""
    schema = {"type": "string", "format": "binary"}
    return {"description": "The file.", "content": {kind.partition(";")[0]: {"schema": schema} for kind in kinds}}


class Health(BaseModel):
    """How a process is, such as ready, degraded or not ready, and what each of its checks has found."""

    status: str = Field(examples=["ready"])
    checks: dict[str, str] = Field(examples=[{"store": "ok", "kafka": "ok"}])
    editions: dict[str, str] = Field(examples=[{"by-2024": "5fa90a68715e"}])


def _headers(operation: Mapping[str, Any]) -> set[str]:
    return {one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"}


def _problem(status: int, known: Mapping[str, Any]) -> dict[str, Any]:
    """An error as the document has it; the words that a route gives it itself are kept."""
    own = known.get("description") if MEDIA_TYPE in known.get("content", {}) or "content" not in known else None
    content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=ProblemDocument.__name__)}}}
    return {**known, "description": own or STATUSES[status], "content": content}


def called(names: Mapping[str, str]) -> Callable[[APIRoute], str]:
    """What the operations of a router are called, as a program would: `"POST:/v1/events": "publishEvents"`."""

    def name(route: APIRoute) -> str:
        [method] = route.methods or {"GET"}
        where = f"{method}:{route.path_format}"
        return names.get(where) or OPERATIONS.get(where, where)

    return name
