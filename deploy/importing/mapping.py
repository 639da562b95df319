"""What a mapping says: which columns of somebody's spreadsheet are which fields of which event.

It is a TOML file; README.md says how one is written. Every mistake in it is told at once, with its place.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from contracts.agency import AGENCY
from contracts.data import Pattern, Zone
from contracts.steps import EditionFrom
from contracts.topics import AGENCY_PREFIX
from deploy.complaint import Complaint
from deploy.importing.forms import Unreadable, moment, need_form
from deploy.importing.trees import Step
from services.law.names import fields_of

Scalar = str | int | float | bool | date | datetime
Codes = dict[str, Scalar]


class Part(BaseModel):
    """A part of a mapping: a key that is not known here is a mistake in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Part):
    """Where a value comes from, and how it is read. It is one of `column`, `columns` (their texts joined by `join`),
    `cell` (a cell above the table, such as B2) and `value` (the same for every row).

    `missing` is said where nothing stands; `otherwise` where it cannot be read, or `unreadable` tells to leave it out,
    or to send it as it is.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()
    join: str = " "
    cell: Annotated[str, Field(pattern=r"^[A-Z]{1,3}[1-9][0-9]{0,6}$")] | None = None
    value: Scalar | None = None
    kind: Literal["text", "date", "money", "whole", "number"] = "text"
    forms: tuple[str, ...] = ()
    decimal: Literal[",", "."] | None = None
    digits: Annotated[int, Field(ge=0, le=4)] = 2
    times: Annotated[int, Field(ge=1, le=10**9)] = 1
    case: Literal["lower", "upper"] | None = None
    pattern: Pattern | None = None
    codes: Codes | str | None = None
    missing: Scalar | None = None
    otherwise: Scalar | None = None
    unreadable: Literal["refuse", "leave-out", "as-it-is"] = "refuse"
    required: bool = False

    @model_validator(mode="after")
    def _says_whence(self) -> Self:
        given = [self.column is not None, bool(self.columns), self.cell is not None, self.value is not None]
        if sum(given) != 1:
            raise ValueError("needs exactly one of column, columns, cell and value")
        for form in self.forms:
            need_form(form)
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return self.columns or ((self.column,) if self.column is not None else ())


def _sources(given: Any) -> Any:
    """A text is a column by its heading, and a list is several sources: the first that says something is taken."""
    some = given if isinstance(given, list) else [given]
    return tuple({"column": one} if isinstance(one, str) else one for one in some)


Sources = Annotated[tuple[Source, ...], BeforeValidator(_sources), Field(min_length=1)]


class FileHints(Part):
    """What is known of the file and need not be found: its encoding, its separator, the sheet (by name), the number of
    the row where the headings begin. `skip`: rows whose column is wholly of this pattern, such as totals, are none."""

    encoding: str | None = None
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    sheet: str | None = None
    header: Annotated[int, Field(ge=1)] | None = None
    skip: dict[str, Pattern] = {}


class AgencyOf(Part):
    """Whose rows these are. `enter`: an agency that is not in the directory is entered, by this edition."""

    code: Sources
    name: Sources | None = None
    enter: EditionFrom | None = None


class Described(Part):
    """A mapping. Its name is a part of the id of every event: with another name the same rows are other events."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,59}$")]
    title: str = ""
    zone: Zone = "UTC"
    file: FileHints = FileHints()
    agency: AgencyOf
    type: Sources
    time: Sources
    subject: Sources | None = None
    codes: dict[str, Codes] = {}
    fields: dict[str, Sources] = {}
    fields_of: Annotated[dict[str, dict[str, Sources]], Field(alias="fields-of")] = {}

    @property
    def in_zone(self) -> ZoneInfo:
        """The zone in which its dates are."""
        return ZoneInfo(self.zone)

    def of(self, kind: str) -> Mapping[str, Sources]:
        """The fields of events of a type, by their paths."""
        return {**self.fields, **self.fields_of.get(kind.removeprefix(AGENCY_PREFIX), {})}

    def table(self, source: Source) -> Codes | None:
        """The table of codes that a source is read by."""
        return self.codes[source.codes] if isinstance(source.codes, str) else source.codes

    def sources(self) -> Iterator[tuple[str, Source]]:
        """Everything that it reads, with its place in the mapping."""
        whole = {
            "agency.code": self.agency.code,
            "agency.name": self.agency.name or (),
            "type": self.type,
            "time": self.time,
            "subject": self.subject or (),
            **{f'fields."{path}"': some for path, some in self.fields.items()},
            **{
                f'fields-of."{kind}"."{path}"': some
                for kind, fields in self.fields_of.items()
                for path, some in fields.items()
            },
        }
        return ((place, one) for place, some in whole.items() for one in some)

    def headings(self) -> tuple[str, ...]:
        """Every heading that it names, in its order."""
        named = [heading for _, one in self.sources() for heading in one.named]
        return tuple(dict.fromkeys([*named, *self.file.skip]))


def load(path: Path) -> Described:
    """A mapping. Raises Complaint with everything that is wrong with it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise Complaint(f"The mapping {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise Complaint(f"The mapping {path} is no TOML: {error}.") from error
    return read(raw, str(path))


def read(raw: Mapping[str, Any], where: str) -> Described:
    """The same of what stands in the file. Raises Complaint."""
    try:
        found = Described.model_validate(raw)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise Complaint(f"The mapping {where} has mistakes: {'; '.join(dict.fromkeys(faults))}.") from error
    if wrong := [*_wrong(found)]:
        raise Complaint(f"The mapping {where} has mistakes: {'; '.join(wrong)}.")
    return found


def steps_of(path: str) -> tuple[Step, ...]:
    """A path such as `costs.0.amount_minor` as its steps."""
    return tuple(int(step) if step.isdigit() else step for step in path.split("."))


def full_type(said: object) -> str | None:
    """The full name of a type of event; None for what is none."""
    name = str(said)
    full = name if name.startswith(AGENCY_PREFIX) else f"{AGENCY_PREFIX}{name}"
    return full if AGENCY.knows(full) else None


def _wrong(found: Described) -> Iterator[str]:
    for place, source in found.sources():
        if isinstance(source.codes, str) and source.codes not in found.codes:
            yield f"{place}: there is no table codes.{source.codes}"
    yield from _wrong_times(found)
    kinds = [*_types(found)]
    for said in [*kinds, *found.fields_of]:
        if full_type(said) is None:
            known = ", ".join(name.removeprefix(AGENCY_PREFIX) for name in AGENCY.classes)
            yield f"type {said!r} is none that agencies send: {known}"
    for kind in {full for said in kinds if (full := full_type(said))}:
        paths = found.of(kind)
        for path in paths:
            yield from _wrong_path(kind, path)
            if any(other.startswith(f"{path}.") for other in paths):
                yield f"{kind}: {path} is a value, and there are fields within it"


def _wrong_times(found: Described) -> Iterator[str]:
    for one in found.time:
        for said in (one.value, one.missing, one.otherwise):
            try:
                if said is not None:
                    moment(said if isinstance(said, date) else str(said), ())
            except Unreadable:
                yield f"time: {said!r} is no time; write it as 2026-04-13 or 2026-04-13T09:00:00Z"


def _types(found: Described) -> Iterator[str]:
    """The types that its events can have, as far as it names them."""
    for one in found.type:
        table = found.table(one) if not isinstance(one.codes, str) or one.codes in found.codes else {}
        said = [one.value, one.missing, one.otherwise, *(table or {}).values()]
        yield from (str(value) for value in said if value is not None)


def _wrong_path(kind: str, path: str) -> Iterator[str]:
    models: tuple[type[BaseModel], ...] = (AGENCY.classes[kind],)
    steps = steps_of(path)
    for place, step in enumerate(steps):
        if isinstance(step, int):
            continue
        fields = fields_of(models) if models else {}
        if step not in fields:
            near = get_close_matches(step, fields, 1)
            hint = f"; {near[0]!r} is meant?" if near else f"; there are {', '.join(fields)}" if fields else ""
            yield f"{kind} has no field {'.'.join(map(str, steps[: place + 1]))}{hint}"
            return
        models = fields[step]
