"""What a mapping says: which columns of somebody's spreadsheet are which fields of which event.

It is a TOML file; README.md says how one is written. Every mistake in it is told at once, with its place.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from contracts.agency import AGENCY
from contracts.data import Pattern, Zone
from contracts.event import json_pointer
from contracts.reference import Problem
from contracts.steps import EditionFrom
from contracts.topics import AGENCY_PREFIX
from contracts.words import problem, schema_problems
from services.intake.importing.faulty import FaultyFile
from services.intake.importing.forms import Unreadable, moment, need_form
from services.intake.importing.trees import Step
from services.law.names import fields_of, meant

_LINE: Final = re.compile("at line ([0-9]+)")
Scalar = str | int | float | bool | date | datetime
Codes = dict[str, Scalar]


class Part(BaseModel):
    """A part of a mapping: a key that is not known here is a mistake in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Part):
    """Where a value comes from, and how it is read. It is one of `column`, `columns` (their texts joined by `join`),
    `cell` (a cell above the table, such as B2) and `value` (the same for every row).

    `missing` is said where nothing stands; `otherwise` where it cannot be read, or `unreadable` tells to leave it out,
    or to send it as it is. `required`: nothing there refuses the row; `needed`: it leaves out the object that it is in.
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
    needed: bool = False

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
    """A mapping. Raises FaultyFile with everything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FaultyFile(problem("/mapping", "import.file-unreadable")) from error
    return loads(text)


def loads(text: str) -> Described:
    """The same of the text of one. Raises FaultyFile."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _LINE.search(str(error))
        raise FaultyFile(
            problem("/mapping", "mapping.no-toml", line=int(at[1]) if at else text.count("\n") + 1)
        ) from error
    return read(raw)


def read(raw: Mapping[str, Any]) -> Described:
    """The same of what stands in the file. Raises FaultyFile."""
    try:
        found = Described.model_validate(raw)
    except ValidationError as error:
        said = {json_pointer(one["loc"]): one["msg"] for one in error.errors(include_url=False)}
        raise FaultyFile(*(_exact(one, said) for one in schema_problems(error))) from error
    if wrong := [*_wrong(found)]:
        raise FaultyFile(*wrong)
    return found


def _exact(one: Problem, said: Mapping[str, str]) -> Problem:
    """A fault of a mapping in English as exactly as it was found: who writes a mapping reads its keys, too."""
    return one.model_copy(update={"message": said.get(one.pointer, one.message)})


def steps_of(path: str) -> tuple[Step, ...]:
    """A path such as `costs.0.amount_minor` as its steps."""
    return tuple(int(step) if step.isdigit() else step for step in path.split("."))


def full_type(said: object) -> str | None:
    """The full name of a type of event; None for what is none."""
    name = str(said)
    full = name if name.startswith(AGENCY_PREFIX) else f"{AGENCY_PREFIX}{name}"
    return full if AGENCY.knows(full) else None


def _wrong(found: Described) -> Iterator[Problem]:
    for place, source in found.sources():
        if isinstance(source.codes, str) and source.codes not in found.codes:
            yield problem(f"/{place}", "mapping.codes", given=source.codes)
    yield from _wrong_times(found)
    kinds = [*_types(found)]
    for said in [*kinds, *found.fields_of]:
        if full_type(said) is None:
            known = [name.removeprefix(AGENCY_PREFIX) for name in AGENCY.classes]
            yield problem("/type", "mapping.type", given=said, known=known)
    for kind in {full for said in kinds if (full := full_type(said))}:
        paths = found.of(kind)
        for path in paths:
            yield from _wrong_path(kind, path)
            if any(other.startswith(f"{path}.") for other in paths):
                yield problem("/fields", "mapping.within", kind=kind, path=path)


def _wrong_times(found: Described) -> Iterator[Problem]:
    for one in found.time:
        for said in (one.value, one.missing, one.otherwise):
            try:
                if said is not None:
                    moment(said if isinstance(said, date) else str(said), ())
            except Unreadable:
                yield problem("/time", "mapping.time", given=str(said))


def _types(found: Described) -> Iterator[str]:
    """The types that its events can have, as far as it names them."""
    for one in found.type:
        table = found.table(one) if not isinstance(one.codes, str) or one.codes in found.codes else {}
        said = [one.value, one.missing, one.otherwise, *(table or {}).values()]
        yield from (str(value) for value in said if value is not None)


def _wrong_path(kind: str, path: str) -> Iterator[Problem]:
    models: tuple[type[BaseModel], ...] = (AGENCY.classes[kind],)
    steps = steps_of(path)
    for place, step in enumerate(steps):
        if isinstance(step, int):
            continue
        fields = fields_of(models) if models else {}
        if step not in fields:
            given = ".".join(map(str, steps[: place + 1]))
            yield problem(
                "/fields", "mapping.field", kind=kind, given=given, meant=meant(step, fields), known=[*fields]
            )
            return
        models = fields[step]
