"""The form of an event, made from its contract: each field of the contract is a field of the form, with the codes of
the agency's edition where the contract wants a code.

What the contract or the edition does not take is said when the event is checked; nothing of it is known here.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from contracts.agency import AGENCY
from contracts.reference import Procedure
from contracts.rules import Edition
from contracts.words import wordings
from services.desk.fields import Field, Group, Kind, Options, Part, Parts, same
from services.desk.pages import papers

LEFT_OUT: Final = frozenset({"total_cost"})
"""What an application may say and nothing is made of."""
LONGEST_LINE: Final = 300
"""Characters above which a text is typed into several lines."""
SCALED: Final = frozenset({"amount_minor", "basis_points"})
"""Whole numbers that people write with two decimals."""
LABELS: Final[Mapping[str, str]] = {"basis_points": "percent", "since": "period-first", "until": "period-last"}
PERSON: Final[Mapping[str, str]] = {"name": "contact-name"}
"""What the fields of a person are called, where an organisation's are called otherwise."""
Codes = Mapping[str, Options]
"""Codes of fields by the names of these, beside those of the edition: the indicators that were agreed on."""
Schema = Mapping[str, Any]


def parts_of(kind: str, edition: Edition, codes: Codes | None = None) -> Parts:
    """The form of what an event of this type says (its `data`)."""
    schema = _schema(kind)
    return tuple(_fields(schema, schema.get("$defs", {}), edition, {**_codes(edition), **(codes or {})}))


@cache
def _schema(kind: str) -> Schema:
    return AGENCY.classes[kind].model_json_schema()


def _codes(edition: Edition) -> dict[str, Options]:
    money = edition.money
    named = {
        "sector": edition.sectors.entries,
        "region": edition.regions.entries,
        "office": edition.offices.entries,
        "source": money.sources.entries if money else (),
    }
    codes = {name: [(one.code, one) for one in entries] for name, entries in named.items()}
    switches = {Procedure.CREDIT: edition.switches.credit, Procedure.REPLICATION: edition.switches.replication}
    open_ones = [one for one in Procedure if one not in switches or switches[one].on]
    return {**codes, "procedure": [(str(one), wordings()[f"said.{one}"]) for one in open_ones]}


def needed_by(kind: str) -> list[str]:
    """The names of the fields without which an event of this type is refused."""
    return list(_schema(kind).get("required", ()))


def _fields(schema: Schema, known: Schema, edition: Edition, codes: Codes) -> Iterator[Part]:
    for name, said in schema["properties"].items():
        if name in LEFT_OUT or (name == "costs" and edition.money is None):
            continue
        needed = name in schema.get("required", ())
        yield _part(name, _resolved(said, known), known, edition, codes, needed)


def _resolved(said: Schema, known: Schema) -> Schema:
    """A schema without its reference, and without that it may be left out."""
    found = next((one for one in said.get("anyOf", ()) if one.get("type") != "null"), said)
    return known[found["$ref"].rpartition("/")[2]] if "$ref" in found else found


def _part(name: str, said: Schema, known: Schema, edition: Edition, codes: Codes, needed: bool) -> Part:
    if said["type"] == "array":
        inner = _resolved(said["items"], known)
        return Group(name, tuple(_object(name, inner, known, edition, codes)), many=True)
    if said["type"] == "object":
        return Group(name, tuple(_object(name, said, known, edition, codes)), optional=not needed)
    return _field(name, said, edition, codes)


def _object(name: str, said: Schema, known: Schema, edition: Edition, codes: Codes) -> Iterator[Part]:
    """The parts of an object: an organisation is asked for as everywhere, a person as one."""
    properties = said["properties"]
    if "id" in properties and "name" in properties:
        yield from papers.party(name, edition, _asked_of(name, edition)).parts
    elif {"scheme", "value"} == properties.keys():
        yield from papers.party(name, edition, edition.parties.customer).parts[0].parts  # type: ignore[union-attr]
    else:
        for part in _fields(said, known, edition, codes):
            person = "phone" in properties and isinstance(part, Field) and part.name in PERSON
            yield Field(part.name, label=PERSON[part.name]) if person else part


def _asked_of(name: str, edition: Edition) -> Any:
    """What the edition asks of a party; of participants as much as of the initiator."""
    return getattr(edition.parties, name, edition.parties.initiator)


def _field(name: str, said: Schema, edition: Edition, codes: Codes) -> Field:
    label = LABELS.get(name, "")
    if name == "currency":
        return _currency(edition)
    if codes.get(name):
        return Field(name, Kind.SELECT, codes[name], label)
    if "enum" in said:
        return Field(name, Kind.SELECT, _worded(said["enum"]), label)
    if said["type"] == "boolean":
        return Field(name, Kind.YES_NO, label=label)
    if said["type"] == "integer":
        return Field(name, Kind.HUNDREDTHS if name in SCALED else Kind.WHOLE, label=label)
    if said.get("format") == "date":
        return Field(name, Kind.DAY, label=label)
    long = said.get("maxLength", 0) > LONGEST_LINE
    return Field(name, Kind.PROSE if long else Kind.LINE, label=label)


def _currency(edition: Edition) -> Field:
    money = edition.money
    offered = [one.code for one in money.currencies if one.decimals == 2] if money else []
    if len(offered) == 1:
        return Field("currency", Kind.FIXED, value=offered[0])
    return Field("currency", Kind.SELECT, [(one, same(one)) for one in offered], implied=True)


def _worded(codes: Sequence[str]) -> Options:
    known = wordings()
    return [(one, known.get(f"said.{one}", same(one))) for one in codes]
