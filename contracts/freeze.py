"""The frozen JSON Schemas of all event types: what stands on the wire, and whether a class still fits it.

`python -m contracts.freeze` writes the schemas of new types into `contracts/schemas/`. A file that exists is never
edited: programs in the field were built on it. A class that no longer fits needs a new version of its type. The file
`LOCK.txt` beside them has the digest of each, and only grows.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from . import topics
from .agency import AGENCY, RECEIPTS
from .entered import as_recorded
from .event import JSON, Contract, Envelope, SequenceText, schema_id, service_source
from .expertise import EXPERTISE
from .intake import INTAKE
from .registry import REGISTRY
from .text import SAID_AT_FIRST, SAYS_SOMETHING

FOLDER: Final = Path(__file__).parent / "schemas"
LOCK: Final = "LOCK.txt"
"""The SHA-256 of every frozen schema, a line for each in the form of `sha256sum`."""
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
OWNERS: Final[Mapping[str, Mapping[str, type[Contract]]]] = {
    "agency": AGENCY.classes,
    "receipts": RECEIPTS.classes,
    topics.INTAKE: INTAKE.classes,
    topics.EXPERTISE: EXPERTISE.classes,
    topics.REGISTRY: REGISTRY.classes,
}
CLASSES: Final[Mapping[str, type[Contract]]] = {name: cls for some in OWNERS.values() for name, cls in some.items()}
"""Every event type of the system with the class of its data."""

WORDS: Final = frozenset({"title", "description", "examples", "$id", "$schema", "$defs"})
"""Keywords that may change freely: they say nothing about what is valid."""
ABSENT: Final = object()
UNSEEN: Final = re.compile(
    "[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d159-\U0001d17a\U000e0000-\U000e0fff]"
)
LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})


class _PlainSchema(GenerateJsonSchema):
    """Leaves out `discriminator`, which is OpenAPI's and not JSON Schema's."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> dict[str, Any]:
        """A tagged union as a plain `oneOf`; the tags are constants in its members."""
        return {k: v for k, v in super().tagged_union_schema(schema).items() if k != "discriminator"}


def owner_of(type_name: str) -> str:
    """Who publishes a type: `agency`, `receipts` or a service. Raises KeyError for an unknown type."""
    for owner, classes in OWNERS.items():
        if type_name in classes:
            return owner
    raise KeyError(type_name)


def event_model(type_name: str, data: type[Contract], owner: str) -> type[BaseModel]:
    """The model of a whole event on the wire: the envelope as its owner writes it, and the data."""
    fixed: dict[str, Any] = {"type": (Literal[type_name], ...), "data": (data, ...)}
    if owner == "agency":
        fixed["source"] = (str, Field(pattern=r"^/agencies/[a-z0-9-]{2,20}$"))
    else:
        service = topics.INTAKE if owner == "receipts" else owner
        written = ("dataschema", "causationid", "correlationid")
        fixed |= {name: (str, Field(min_length=1, max_length=300)) for name in written}
        fixed |= {
            "source": (Literal[service_source(service)], ...),
            "subject": (str, Field(min_length=1, max_length=128)),
            "datacontenttype": (Literal[JSON], ...),
        }
        if owner != "receipts":
            fixed["sequence"] = (SequenceText, ...)
    return create_model(data.__name__ + "Event", __base__=_Wire, __doc__=data.__doc__, **fixed)


class _Wire(Envelope):
    # An attribute without a value is left out on the wire, so having a default does not make it required.
    model_config = {"json_schema_serialization_defaults_required": False}


def schema_of(type_name: str, mode: JsonSchemaMode | None = None, data: type[Contract] | None = None) -> dict[str, Any]:
    """The JSON Schema of a type's whole event; with `data`, as if that were its class. Raises KeyError.

    Without a mode: what agencies may send (validation), and what services write (serialization). What services write
    is read again without the bounds of what is entered.
    """
    owner = owner_of(type_name)
    model = event_model(type_name, data or CLASSES[type_name], owner)
    sent = owner == "agency"
    mode = mode or ("validation" if sent else "serialization")
    with nullcontext() if sent else as_recorded():
        body = model.model_json_schema(mode=mode, schema_generator=_PlainSchema)
    return {"$schema": DIALECT, "$id": schema_id(type_name), **body, "title": type_name}


@cache
def published(type_name: str) -> dict[str, Any]:
    """The JSON Schema of a type as it stands today, to be shown to people and programs: all that the frozen one lets
    be, and what was added since. Not to be changed. Raises KeyError.

    Of what agencies send it says what intake's doors take: an event without `time` happened when it came, beside the
    attributes there may be extensions, by names and with values that CloudEvents knows, and data may be bytes instead
    (`data_base64`). What no schema can say is a list of rules (`contracts.beyond`).
    """
    today = schema_of(type_name)
    if owner_of(type_name) != "agency":
        readable: dict[str, Any] = _as_asked_before(today, frozen(type_name))
        return readable
    time = {"anyOf": [today["properties"]["time"], {"type": "null"}], "default": None}
    data = {"anyOf": [today["properties"]["data"], {"type": "null"}], "default": None}
    packed = {
        "anyOf": [{"type": "string", "contentEncoding": "base64", "contentMediaType": JSON}, {"type": "null"}],
        "default": None,
        "description": "The data of the event as bytes, instead of `data` (JSON format of CloudEvents, 3.1).",
        "title": "Data Base64",
    }
    return {
        **today,
        "properties": {**today["properties"], "time": time, "data": data, "data_base64": packed},
        "required": [name for name in today["required"] if name not in ("time", "data")],
        "propertyNames": {"pattern": "^([a-z0-9]+|data_base64)$"},
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        "if": {"properties": {"data_base64": {"type": "string"}}, "required": ["data_base64"]},
        "then": {"properties": {"data": {"type": "null"}}},
        "else": {"properties": {"data": {"type": "object"}}, "required": ["data"]},
    }


def _as_asked_before(today: Any, before: Any) -> Any:
    """A schema that asks for no more than it did when it was frozen: facts of before have nothing of what was added."""
    if not (isinstance(today, dict) and isinstance(before, dict)):
        return today
    shown = {name: _as_asked_before(part, before[name]) if name in before else part for name, part in today.items()}
    if isinstance(today.get("required"), list) and "properties" in before:
        shown["required"] = [name for name in today["required"] if name in before.get("required", ())]
    return shown


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def frozen(type_name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The frozen schema of a type. Raises FileNotFoundError when it was not frozen yet."""
    found: dict[str, Any] = json.loads((folder / f"{type_name}.json").read_text(encoding="utf-8"))
    return found


def example(type_name: str) -> dict[str, Any]:
    """The example of a type. Raises FileNotFoundError when there is none yet."""
    found: dict[str, Any] = json.loads(_read(FOLDER / f"{type_name}.example.json"))
    return found


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without references and without an address of its own, to stand inside another document."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(one) for one in part]
        if not isinstance(part, Mapping):
            return part
        beside = {k: resolved(v) for k, v in part.items() if k not in ("$ref", "$defs", "$id", "$schema")}
        return {**resolved(definitions[part["$ref"].rsplit("/", 1)[1]]), **beside} if "$ref" in part else beside

    whole: dict[str, Any] = resolved(schema)
    return whole


# ---- does a class still fit?


def unfit(type_name: str, data: type[Contract], before: Mapping[str, Any]) -> list[str]:
    """Why this class no longer fits a frozen schema of its type; empty where it does.

    Both directions: what is written now must be readable for programs built on the frozen schema, and what was
    written by it must be readable now.
    """
    written, read = schema_of(type_name, data=data), schema_of(type_name, "validation", data)
    return sorted({*changes(before, written), *changes(before, read, reading=True)})


def changes(before: Mapping[str, Any], now: Mapping[str, Any], *, reading: bool = False) -> list[str]:
    """The changes between two schemas that need a new version.

    Allowed: other words (title, description), an added property that is optional, and a text that shows nothing.
    Everything else is not.
    With `reading`, `now` is what is accepted today, so a keyword may also be missing there: more is accepted.
    """
    return list(_changes(inlined(before), inlined(now), "", reading))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], where: str, reading: bool) -> Iterator[str]:
    for key in sorted((before.keys() | now.keys()) - WORDS):
        old, new = before.get(key, ABSENT), now.get(key, ABSENT)
        if key == "properties":
            yield from _properties(before.get(key, {}), now.get(key, {}), where, reading)
        elif key == "required":
            yield from _required(before, now, where, reading)
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{where}/{key}", reading)
        elif key in LISTS and isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for place, (one, other) in enumerate(zip(old, new, strict=True)):
                yield from _changes(one, other, f"{where}/{key}/{place}", reading)
        elif old != new and not (reading and new is ABSENT) and not _still_says_something(key, old, new):
            yield f"{where or '/'}: {key} changed"


def _still_says_something(key: str, old: object, new: object) -> bool:
    """Whether a pattern only knows more characters that show nothing than it did at first: nobody sends these alone
    and means something."""
    return key == "pattern" and isinstance(old, str) and old.replace(SAID_AT_FIRST, SAYS_SOMETHING) == new


def _properties(old: Mapping[str, Any], new: Mapping[str, Any], where: str, reading: bool) -> Iterator[str]:
    for name, one in old.items():
        if name in new:
            yield from _changes(one, new[name], f"{where}/{name}", reading)
        else:
            yield f"{where}/{name}: removed"


def _required(before: Mapping[str, Any], now: Mapping[str, Any], where: str, reading: bool) -> Iterator[str]:
    old, new = set(before.get("required", ())), set(now.get("required", ()))
    added = now.get("properties", {}).keys() - before.get("properties", {}).keys()
    if reading:
        yield from (f"{where}/{name}: required now" for name in sorted(new - old))
    else:
        yield from (f"{where}/{name}: required before or now, not both" for name in sorted(old ^ (new - added)))


# ---- writing the files


def as_file(document: Mapping[str, Any], *, sort_keys: bool = False) -> str:
    """A document as its file says it: in letters that people read, and what nobody sees by its number."""
    text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=sort_keys) + "\n"
    return UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def locked(folder: Path = FOLDER) -> dict[str, str]:
    """The digests of the frozen schemas by the names of their files, as they were when they were frozen."""
    path = folder / LOCK
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def edited(folder: Path = FOLDER) -> list[str]:
    """What is wrong with frozen files: one that was edited, is gone, or is in no lock."""
    known = locked(folder)
    there = {path.name: _digest(path) for path in folder.glob("*.json") if ".example." not in path.name}
    return [
        *(f"{name}: it is gone" for name in sorted(known.keys() - there)),
        *(f"{name}: it is not in {LOCK}" for name in sorted(there.keys() - known)),
        *(f"{name}: it was edited" for name in sorted(known.keys() & there) if known[name] != there[name]),
    ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def freeze(folder: Path = FOLDER) -> tuple[list[str], list[str]]:
    """Writes the schemas of new types, and their digests into the lock; never touches a file that exists. Returns what
    was written, and complaints."""
    written, complaints = [], []
    folder.mkdir(exist_ok=True)
    for name, cls in CLASSES.items():
        path = folder / f"{name}.json"
        if path.exists():
            complaints += [f"{name}: {one}" for one in unfit(name, cls, frozen(name, folder))]
        else:
            path.write_text(as_file(schema_of(name)), encoding="utf-8")
            written.append(name)
        if not (folder / f"{name}.example.json").exists():
            complaints.append(f"{name}: write an example, {name}.example.json")
    kept = {path.name.removesuffix(".json") for path in folder.glob("*.json") if ".example." not in path.name}
    complaints += [
        f"{name}: its class is gone, but such events are in the field" for name in sorted(kept - set(CLASSES))
    ]
    fresh = {f"{name}.json": _digest(folder / f"{name}.json") for name in written}
    lines = [f"{digest}  {name}\n" for name, digest in sorted({**fresh, **locked(folder)}.items())]
    (folder / LOCK).write_text("".join(lines), encoding="utf-8")
    return written, complaints + edited(folder)


def main() -> int:
    """Freezes what is new and says what no longer fits; the exit code."""
    written, complaints = freeze()
    for name in written:
        print(f"frozen: {name}")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        print("Frozen schemas are never edited: make a new version of the type.", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
