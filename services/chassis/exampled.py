"""Examples of answers, for the documents of the interface: made of the form of each answer, and of its fields' names.

So every answer has one, also that of a new route, and the tests hold each to its form. Nothing here is asked when a
request is answered. All that is named is fictional.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from contracts.expertise import ExpertAssignedV1
from contracts.reference import TermKind
from contracts.registry import PilotEnteredV1
from contracts.words import problem
from services.chassis.problems import DEFAULT, Problematic
from services.chassis.problems import document as problem_document

PILOT: Final = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
NUMBER: Final = "ПП-2026-000123"
TITLE: Final = "Запись к врачу без очереди"
SHARE: Final = "8f14e45fceea167a5a36dedd4bea2543"
DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
NAMED: Final[Mapping[str, Any]] = {
    "id": PILOT,
    "pilot": PILOT,
    "subject": PILOT,
    "event": "0b5f1c52-6f0a-4c5e-9f0e-3f1f1f0c2a11",
    "event_id": "minzdrav-2026-17",
    "correlation": "minzdrav-2026-17",
    "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "number": NUMBER,
    "own_number": "17-04/2026",
    "title": TITLE,
    "problem": "Пациенты ждут приёма в очереди.",
    "solution": "Электронная очередь на сайте поликлиники.",
    "expected_effect": "Ожидание сокращается с 40 до 10 минут.",
    "agency": "minzdrav",
    "organisation": "minzdrav",
    "name": "ООО «Пример»",
    "email": "obraztsova@example.test",
    "phone": "+000 00 000",
    "sector": "health",
    "sectors": "health",
    "competences": "health",
    "region": "minsk-region",
    "territory": "Минская область",
    "edition": "by-2024",
    "scheme": "BY-UNP",
    "currency": "BYN",
    "calendar": "BY",
    "calendar_version": "BY-2026.1",
    "zone": "Europe/Minsk",
    "etag": '"7"',
    "next": "WyIyMDI2LTA2LTAxIl0",
    "cause": "the subject's fact before it has not come yet",
    "body": "Совет по цифровому развитию",
    "kind": TermKind.EXPERTISE.value,
    "type": PilotEnteredV1.TYPE,
    "fact": ExpertAssignedV1.TYPE,
    "text": "Цель достижима, показатели измеримы.",
    "why": "По решению заседания.",
    "ru": "Здравоохранение",
    "be": "Ахова здароўя",
    "en": "Health care",
    "title_ru": "Процедура 2024 года",
    "title_be": "Працэдура 2024 года",
    "title_en": "The procedure of 2024",
    "role": "registrar",
    "source": "republican-budget",
    "indicator": "waiting",
    "unit": "минут",
    "method": "По журналу поликлиники.",
    "digest": DIGEST,
    "sha256": DIGEST,
    "language": "ru",
    "rule": "sector.unknown",
    "pointer": "/data/sector",
    "file": f"/v1/exports/{SHARE}/file",
    "commit": "5f2b1c-41",
}
"""What stands in a field of this name, where the form of the field takes it."""
PERSONS: Final = frozenset(
    {"operator", "expert_id", "experts", "judges", "who", "author", "approver", "by", "person_id", "person_ids"}
    | {"members", "secretary", "present", "assigned_by", "raised_by", "decided_by", "asked_by", "opened_by", "wrote"}
    | {"approved_by", "sent_back_by", "seated", "visible_to", "working", "hidden_from", "contact_person_id"}
)
"""Fields that hold the opaque id of a person."""
PERSON: Final = "a3f1c2d4"
FORMATS: Final[Mapping[str, str]] = {"date-time": "2026-06-01T09:00:00.000Z", "date": "2026-06-01"}
OTHERS: Final = ("health", "1", "BY-UNP", "BYN", "BY", DIGEST, "ПП", '"7"', "2026")
"""What fits one of the patterns that codes, numbers and digests have."""
KEYS: Final = {"persons": PERSON, "labels": "sector.health", "facets": "sector", "counts": "accepted"}
"""What an object is named by whose names are no fields."""
DEEP: Final = 12


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "", deep: int = 0) -> Any:
    """An answer of this form. `schemas` are those that a document names."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name, deep)
    for word in ("const", "examples", "enum"):
        if word in schema:
            return schema[word] if word == "const" else schema[word][0]
    if (forms := schema.get("anyOf") or schema.get("oneOf")) is not None:
        return _of_one(forms, schemas, name, deep)
    match schema.get("type"):
        case "object":
            return _object(schema, schemas, name, deep)
        case "array":
            return [] if deep > DEEP else _list(schema, schemas, name, deep)
        case "string":
            return _text(schema, name)
        case "integer" | "number":
            return max(schema.get("minimum", 1), min(1, schema.get("maximum", 1)))
        case "boolean":
            return name not in ("breached", "suspended", "nearing", "late")
        case _:
            return None


def _of_one(forms: Any, schemas: Mapping[str, Any], name: str, deep: int) -> Any:
    """What has the first form, but nothing where there may be nothing, deep within others."""
    some = [one for one in forms if one.get("type") != "null"]
    return None if deep > DEEP or not some else example_of(some[0], schemas, name, deep + 1)


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str, deep: int) -> dict[str, Any]:
    fields = schema.get("properties", {})
    made = {field: example_of(one, schemas, field, deep + 1) for field, one in fields.items()}
    more = schema.get("additionalProperties")
    if not fields and isinstance(more, dict) and more:
        named = schema.get("propertyNames", {})
        key = example_of(named, schemas) if named else KEYS.get(name, "sector")
        made[str(key)] = example_of(more, schemas, "name" if name == "persons" else "", deep + 1)
    return made


def _list(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str, deep: int) -> list[Any]:
    if "prefixItems" in schema:
        return [example_of(one, schemas, name, deep + 1) for one in schema["prefixItems"]]
    if not isinstance(schema.get("items"), dict):
        return []
    return [example_of(schema["items"], schemas, name, deep + 1)] * max(1, schema.get("minItems", 1))


def _text(schema: Mapping[str, Any], name: str) -> str:
    if schema.get("format") in FORMATS:
        return str(FORMATS[schema["format"]])
    return next(one for one in (*_named(name), *OTHERS) if _fits(one, schema))


def _named(name: str) -> Iterator[str]:
    if name in PERSONS:
        yield PERSON
    said = NAMED.get(name)
    yield from [said] if isinstance(said, str) else []
    yield TITLE


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    long = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return long and re.search(schema.get("pattern", ""), text) is not None


def problem_of(status: int) -> dict[str, Any]:
    """An error of this status, as it is answered."""
    return problem_document(PROBLEMS[status], DEFAULT)


_faulty: Final = problem("/sector", "sector.unknown", codes=["health", "education"])
PROBLEMS: Final[Mapping[int, Problematic]] = {
    400: Problematic(400, "cursor.bad"),
    401: Problematic(401, "auth.missing"),
    403: Problematic(403, "auth.role", roles=["registrar"]),
    404: Problematic(404, "not-found"),
    408: Problematic(408, "request.too-slow", action="retry", seconds=60),
    409: Problematic(409, "idempotency-key.reused"),
    410: Problematic(410, "receipt.gone"),
    412: Problematic(412, "revision.gone", extra={"version": 4, "etag": '"8"'}),
    413: Problematic(413, "request.too-large", most=262_144),
    415: Problematic(415, "http.415"),
    422: Problematic(422, "request.invalid", problems=[_faulty]),
    428: Problematic(428, "if-match.missing"),
    429: Problematic(429, "rate.exceeded", action="retry", most=60, seconds=60),
    500: Problematic(500, "unforeseen", action="retry"),
    503: Problematic(503, "store.away", action="retry"),
}
"""An error of each status that is told of in documents."""
