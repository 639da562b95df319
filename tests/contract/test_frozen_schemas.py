"""Frozen schemas: every class still fits its own, and each change that would break somebody is refused."""

import copy
import json
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import Field, StrictInt

from contracts import freeze
from contracts.agency import AGENCY, RECEIPTS
from contracts.event import Contract, Fact, Moment, Payload
from contracts.freeze import CLASSES, WORDS, changes, example, frozen, inlined, schema_of, unfit

every_type = pytest.mark.parametrize("name", sorted(CLASSES))
FACT_TYPE = "pilots.intake.term-ended.v1"
AGENCY_TYPE = "pilots.agency.application-submitted.v1"


def valid(event: Any, schema: dict[str, Any]) -> None:
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(event)


# ---- the files as they are


def test_every_frozen_schema_is_byte_for_byte_what_the_lock_says() -> None:
    assert freeze.edited() == []
    assert freeze.locked().keys() == {f"{name}.json" for name in CLASSES}


def test_a_schema_that_is_edited_taken_away_or_put_beside_is_found_and_the_lock_only_grows(tmp_path: Path) -> None:
    assert len(freeze.freeze(tmp_path)[0]) == len(CLASSES)
    before = freeze.locked(tmp_path)
    path = tmp_path / f"{FACT_TYPE}.json"
    path.write_text(path.read_text() + " ")
    (tmp_path / f"{AGENCY_TYPE}.json").unlink()
    (tmp_path / "pilots.intake.other.v1.json").write_text("{}")
    told = [f"{AGENCY_TYPE}.json: it is gone", "pilots.intake.other.v1.json: it is not in LOCK.txt"]
    assert freeze.edited(tmp_path) == [*told, f"{FACT_TYPE}.json: it was edited"]
    freeze.freeze(tmp_path)
    assert freeze.locked(tmp_path) == before
    assert f"{FACT_TYPE}.json: it was edited" in freeze.edited(tmp_path)


@every_type
def test_every_class_fits_its_frozen_schema_in_both_directions(name: str) -> None:
    assert unfit(name, CLASSES[name], frozen(name)) == []


@every_type
def test_every_frozen_schema_is_a_schema_with_its_own_address(name: str) -> None:
    Draft202012Validator.check_schema(frozen(name))
    assert frozen(name)["$id"] == f"urn:lotsman:schema:{name}"
    assert frozen(name)["properties"]["type"]["const"] == name


@every_type
def test_every_example_is_valid_by_its_frozen_schema(name: str) -> None:
    valid(example(name), frozen(name))


@every_type
def test_every_class_reads_its_frozen_example_and_loses_nothing(name: str) -> None:
    data = example(name)["data"]
    read = CLASSES[name].model_validate(data)
    written = read.model_dump(mode="json", exclude_unset=True)
    assert written == data


@every_type
def test_what_every_class_writes_today_is_valid_by_the_frozen_schema(name: str) -> None:
    event = example(name)
    event["data"] = CLASSES[name].model_validate(event["data"]).model_dump(mode="json")
    valid(event, frozen(name))


@every_type
def test_no_example_is_valid_as_another_type(name: str) -> None:
    other = next(t for t in sorted(CLASSES) if t != name)
    with pytest.raises(ValidationError):
        valid(example(name), frozen(other))


def test_a_schema_stands_for_every_class_and_a_class_for_every_schema() -> None:
    kept = {path.name.removesuffix(".json") for path in freeze.FOLDER.glob("*.json")}
    assert kept == set(CLASSES) | {f"{name}.example" for name in CLASSES}


@every_type
def test_no_schema_uses_words_that_are_not_of_json_schema(name: str) -> None:
    assert '"discriminator"' not in json.dumps(frozen(name))


def test_inlined_schemas_judge_like_the_originals() -> None:
    whole = inlined(frozen("pilots.intake.term-started.v1"))
    assert "$ref" not in json.dumps(whole)
    event = example("pilots.intake.term-started.v1")
    valid(event, whole)
    event["data"]["term"]["budget"] = 0
    with pytest.raises(ValidationError):
        valid(event, whole)


# ---- which changes are refused: a sample class, and classes that differ from it in one thing


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Less(StrEnum):
    RED = "red"


class More(StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Part(Contract):
    code: str
    note: str | None = None


class Sample(Fact):
    """A sample."""

    TYPE: ClassVar[str] = FACT_TYPE
    word: str = Field(min_length=1, max_length=10, pattern="^[a-z]+$")
    count: StrictInt = Field(ge=1, le=9)
    colour: Colour
    kind: Literal["a", "b"]
    day: date
    at: Moment
    parts: tuple[Part, ...] = Field(default=(), max_length=5)
    totals: dict[str, int] = Field(default_factory=dict)
    either: int | str = 1
    maybe: str | None = None


class PartMore(Part):
    extra: int | None = None


class PartLess(Contract):
    code: str


class PartMust(Part):
    extra: int


class Other(Contract):
    code: int
    note: str | None = None


class WithOptional(Sample):
    added: str | None = None


class WithDefault(Sample):
    added: int = 7


class WithOptionalInside(Sample):
    parts: tuple[PartMore, ...] = Field(default=(), max_length=5)


class WithWords(Sample):
    """Other words."""

    word: str = Field(min_length=1, max_length=10, pattern="^[a-z]+$", title="T", description="D", examples=["x"])


class Removed(Fact):
    TYPE: ClassVar[str] = FACT_TYPE
    count: StrictInt = Field(ge=1, le=9)
    colour: Colour
    kind: Literal["a", "b"]
    day: date
    at: Moment
    parts: tuple[Part, ...] = Field(default=(), max_length=5)
    totals: dict[str, int] = Field(default_factory=dict)
    either: int | str = 1
    maybe: str | None = None


class RequiredAdded(Sample):
    added: str


class NowRequired(Sample):
    maybe: str | None


class NowOptional(Sample):
    word: str = Field(default="x", min_length=1, max_length=10, pattern="^[a-z]+$")


class DefaultChanged(Sample):
    either: int | str = 2


class TypeChanged(Sample):
    word: int  # type: ignore[assignment]


class NullAllowed(Sample):
    word: Annotated[str, Field(min_length=1, max_length=10, pattern="^[a-z]+$")] | None  # type: ignore[assignment]


class NullForbidden(Sample):
    maybe: str = ""


class EnumShrunk(Sample):
    colour: Less  # type: ignore[assignment]


class EnumGrown(Sample):
    colour: More  # type: ignore[assignment]


class LiteralGrown(Sample):
    kind: Literal["a", "b", "c"]  # type: ignore[assignment]


class LiteralToConst(Sample):
    kind: Literal["a"]


class FormatChanged(Sample):
    day: Moment


class FormatGone(Sample):
    at: str  # type: ignore[assignment]


class PatternChanged(Sample):
    word: str = Field(min_length=1, max_length=10, pattern="^[a-z0-9]+$")


class PatternGone(Sample):
    word: str = Field(min_length=1, max_length=10)


class Longer(Sample):
    word: str = Field(min_length=1, max_length=11, pattern="^[a-z]+$")


class Shorter(Sample):
    word: str = Field(min_length=2, max_length=10, pattern="^[a-z]+$")


class RangeChanged(Sample):
    count: StrictInt = Field(ge=0, le=9)


class UnboundedNow(Sample):
    count: StrictInt = Field(ge=1)


class MoreItems(Sample):
    parts: tuple[Part, ...] = Field(default=(), max_length=6)


class OtherItems(Sample):
    parts: tuple[Other, ...] = Field(default=(), max_length=5)  # type: ignore[assignment]


class RemovedInside(Sample):
    parts: tuple[PartLess, ...] = Field(default=(), max_length=5)  # type: ignore[assignment]


class RequiredInside(Sample):
    parts: tuple[PartMust, ...] = Field(default=(), max_length=5)


class OtherValues(Sample):
    totals: dict[str, str] = Field(default_factory=dict)  # type: ignore[assignment]


class UnionGrown(Sample):
    either: int | str | bool = 1


class UnionShrunk(Sample):
    either: int = 1


class Renamed(Sample):
    word: str = Field(min_length=1, max_length=10, pattern="^[a-z]+$", alias="term")


class ReadElsewhere(Sample):
    word: str = Field(min_length=1, max_length=10, pattern="^[a-z]+$", validation_alias="term")


class Closed(Sample):
    model_config = {"extra": "forbid"}


ALLOWED = (WithOptional, WithDefault, WithOptionalInside, WithWords)
FORBIDDEN = (
    Removed,
    RequiredAdded,
    NowRequired,
    NowOptional,
    DefaultChanged,
    TypeChanged,
    NullAllowed,
    NullForbidden,
    EnumShrunk,
    EnumGrown,
    LiteralGrown,
    LiteralToConst,
    FormatChanged,
    FormatGone,
    PatternChanged,
    PatternGone,
    Longer,
    Shorter,
    RangeChanged,
    UnboundedNow,
    MoreItems,
    OtherItems,
    RemovedInside,
    RequiredInside,
    OtherValues,
    UnionGrown,
    UnionShrunk,
    Renamed,
    ReadElsewhere,
    Closed,
)
for_both_kinds = pytest.mark.parametrize("type_name", [FACT_TYPE, AGENCY_TYPE])


@for_both_kinds
def test_a_class_that_did_not_change_fits(type_name: str) -> None:
    assert unfit(type_name, Sample, schema_of(type_name, data=Sample)) == []


@for_both_kinds
@pytest.mark.parametrize("changed", ALLOWED)
def test_an_added_optional_property_and_other_words_are_allowed(type_name: str, changed: type[Fact]) -> None:
    assert unfit(type_name, changed, schema_of(type_name, data=Sample)) == []


@for_both_kinds
@pytest.mark.parametrize("changed", FORBIDDEN)
def test_every_other_change_of_a_class_is_refused(type_name: str, changed: type[Fact]) -> None:
    assert unfit(type_name, changed, schema_of(type_name, data=Sample)) != []


def keywords(schema: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all keywords and properties of a schema that say what is valid."""
    if isinstance(schema, list):
        for place, one in enumerate(schema):
            yield from keywords(one, (*path, place))
    if not isinstance(schema, dict):
        return
    names = path[-1:] == ("properties",)
    for key, value in schema.items():
        if names or key not in WORDS:
            yield (*path, key)
            yield from keywords(value, (*path, key))


def without(schema: Any, path: tuple[Any, ...]) -> Any:
    """A schema without what stands at a place. Only what leads there is copied: there are thousands of places."""
    changed = copy.copy(schema)
    if path[1:]:
        changed[path[0]] = without(schema[path[0]], path[1:])
    else:
        del changed[path[0]]
    return changed


@every_type
def test_nothing_that_a_frozen_schema_says_can_be_left_out_by_what_is_written(name: str) -> None:
    whole = inlined(frozen(name))
    unnoticed = [path for path in keywords(whole) if not changes(whole, without(whole, path))]
    assert unnoticed == []


@every_type
def test_nothing_can_be_demanded_by_a_reader_that_a_frozen_schema_did_not_say(name: str) -> None:
    whole = inlined(frozen(name))
    paths = [p for p in keywords(whole) if not isinstance(p[-1], int) and p[-1] not in ("default", "properties")]
    added = [p for p in paths if p[-2:-1] != ("properties",)]
    unnoticed = [p for p in added if not changes(without(whole, p), whole, reading=True)]
    assert unnoticed == []


def test_an_optional_property_added_to_a_frozen_schema_is_no_break() -> None:
    before = frozen(FACT_TYPE)
    now = copy.deepcopy(before)
    now["properties"]["dataref"] = {"type": "string"}
    assert changes(before, now) == []
    assert changes(now, before) != []


# ---- writing the files


def test_freezing_writes_new_types_and_asks_for_their_examples(tmp_path: Path) -> None:
    written, complaints = freeze.freeze(tmp_path)
    assert written == list(CLASSES)
    assert len(complaints) == len(CLASSES)
    assert json.loads((tmp_path / f"{FACT_TYPE}.json").read_text(encoding="utf-8")) == frozen(FACT_TYPE)


def test_freezing_never_edits_a_file_and_complains_of_a_class_that_left_it(tmp_path: Path) -> None:
    freeze.freeze(tmp_path)
    path = tmp_path / f"{FACT_TYPE}.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["$defs"]["TermEndedV1"]["properties"]["late"]["type"] = "string"
    path.write_text(json.dumps(schema), encoding="utf-8")
    before = path.read_bytes()
    written, complaints = freeze.freeze(tmp_path)
    assert written == []
    assert [one for one in complaints if one.startswith(f"{FACT_TYPE}: /data/late")]
    assert path.read_bytes() == before


def test_freezing_complains_of_a_class_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "pilots.intake.forgotten.v1.json").write_text("{}", encoding="utf-8")
    _, complaints = freeze.freeze(tmp_path)
    assert any(one.startswith("pilots.intake.forgotten.v1: its class is gone") for one in complaints)


def test_an_unknown_type_has_no_schema() -> None:
    with pytest.raises(KeyError):
        schema_of("pilots.intake.unheard-of.v1")


# ---- versions of what agencies send


def test_both_versions_of_an_application_are_accepted_and_receipts_are_frozen() -> None:
    assert set(AGENCY.classes) == {
        "pilots.agency.application-submitted.v1",
        "pilots.agency.application-submitted.v2",
        "pilots.agency.application-resubmitted.v1",
        "pilots.agency.clarification-provided.v1",
        "pilots.agency.application-withdrawn.v1",
        "pilots.agency.progress-reported.v1",
        "pilots.agency.spending-reported.v1",
        "pilots.agency.risk-reported.v1",
        "pilots.agency.result-reported.v1",
        "pilots.agency.completion-reported.v1",
    }
    assert set(RECEIPTS.classes) == {"pilots.intake.receipt-issued.v1"}
    assert all(issubclass(cls, Payload) for cls in (*AGENCY.classes.values(), *RECEIPTS.classes.values()))
