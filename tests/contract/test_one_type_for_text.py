"""Everything that is entered, sent or asked has a type: free text the one type for text, all else a form or a list."""

import json
import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import ErrorType

from contracts import steps
from contracts.agency import AGENCY
from contracts.entered import ENTERED, SENT, enter
from contracts.event import Envelope, is_usable_id
from contracts.forms import FORMS
from contracts.freeze import published
from contracts.rules import load
from contracts.steps import Step
from contracts.text import SAID_AT_FIRST, SAYS_SOMETHING, Text, shows
from contracts.words import wordings
from services.chassis.web import operations
from services.expertise.api import make_router as expertise_router
from services.intake.api import make_router as intake_router
from services.registry.api import make_router as registry_router
from services.registry.api.finding import Draft, Words

Place = tuple[str, ...]
ROUTERS: Mapping[str, Any] = {
    "intake": lambda: intake_router(load()),
    "expertise": expertise_router,
    "registry": registry_router,
    "operations": operations,
}
BESIDE = {
    ("TakenList", "list"): "looked up in a table, and told when it is not there",
    ("TakenList", "format"): "looked up in a table, and told when it is not there",
    ("TakenList", "filters"): "each is held to the form of its name",
    ("Correction", "content"): "names of fields: the values are read as the entry that they correct",
    ("Envelope", "data"): "read as the data of its type",
    ("Envelope", "traceparent"): "dropped where it does not fit, never refused",
    ("Envelope", "tracestate"): "dropped where it does not fit, never refused",
    ("Take", "filters"): "each is held to the form of its name",
    ("Repair", "event"): "an agency's event, which is read as any is when it is fed again",
    ("?", "group_by"): "names of axes, told when one is unknown",
    ("?", "after"): "a cursor, which is decoded and told where it is none",
    ("?", "as_of"): "a day or a moment, told where it is neither",
    ("Conclusion", "number"): "what facts say of a conclusion; nobody enters it",
    ("Conclusion", "replaces"): "what facts say of a conclusion; nobody enters it",
}
"""Texts that are entered or sent and have neither the type for text nor a form, and why."""


def texts(kind: Any, marks: tuple[Any, ...], at: Place) -> Iterator[tuple[Place, tuple[Any, ...]]]:
    """Every text of a type, with what is annotated on it."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        own = tuple(m for mark in args[1:] for m in (mark.metadata if isinstance(mark, FieldInfo) else [mark]))
        yield from texts(args[0], (*own, *marks), at)
    elif origin in (Union, UnionType):
        for one in args:
            yield from texts(one, marks, at)
    elif origin in (tuple, list, set, frozenset, dict):
        for one in args:
            yield from texts(one, () if get_origin(one) is Annotated else marks if origin is not dict else (), at)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from texts(field.annotation, tuple(field.metadata), (kind.__name__, name))
    elif kind is str and origin is not Literal:
        yield at, marks


def bare(kind: Any, marks: tuple[Any, ...] = (), at: Place = ()) -> list[Place]:
    """The texts of a type that have neither the type for text nor a form."""
    return [
        place
        for place, said in texts(kind, marks, at)
        if place not in BESIDE
        and not any(isinstance(one, Text) for one in said)
        and not any(getattr(one, "pattern", None) for one in said)
    ]


def owners(cls: type[BaseModel]) -> set[tuple[type[BaseModel], str]]:
    """Every free text of a model and of those in it, with the model that has it."""
    found, models, met = set[tuple[type[BaseModel], str]](), [cls], set[type[BaseModel]]()
    while models:
        if (model := models.pop()) in met:
            continue
        met.add(model)
        for name, field in model.model_fields.items():
            for at, marks in texts(field.annotation, tuple(field.metadata), (model.__name__, name)):
                own = at == (model.__name__, name) and not lists(field.annotation)
                if own and any(isinstance(one, Text) for one in marks):
                    found.add((model, name))
            models += inner(field.annotation)
    return found


def lists(kind: Any) -> bool:
    return get_origin(kind) is tuple or any(map(lists, get_args(kind)))


def inner(kind: Any) -> list[type[BaseModel]]:
    """The models that a type is made of."""
    if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, BaseModel):
        return [kind]
    return [one for part in get_args(kind) for one in inner(part)]


ENTERING: list[type[BaseModel]] = [
    one for one in vars(steps).values() if isinstance(one, type) and issubclass(one, Step)
]

ROOTS: list[type[BaseModel]] = [Envelope, *AGENCY.classes.values(), *ENTERING]


@pytest.mark.parametrize("cls", ROOTS, ids=lambda one: one.__name__)
def test_what_is_sent_and_entered_has_no_bare_text(cls: type[BaseModel]) -> None:
    assert bare(cls) == []


def parts(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from parts(one)


def flat(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif (inner := getattr(route, "original_router", None)) is not None:
            yield from flat(inner)


ROUTES = {
    f"{service}:{min(route.methods or ())}:{route.path}": route
    for service, router in ROUTERS.items()
    for route in flat(router())
}


@pytest.mark.parametrize("name", ROUTES)
def test_no_route_takes_a_bare_text(name: str) -> None:
    found = list[Place]()
    for one in parts(ROUTES[name].dependant):
        for field in [*one.query_params, *one.body_params]:
            info = field.field_info
            found += bare(info.annotation, tuple(info.metadata), ("?", field.alias))
    assert found == []


UNSEEN = [" ", "\u00a0", "\u200b", "\u202e", "\x00"]
ALONE = [
    "\u0301",
    "\u0488",
    "\u20dd",
    "\u05b0",
    "\u0e31",
    "\u0600",
    "\U0001bca0",
    "\U0001bca3",
    "\U0001d159",
    "\U0001d173",
    "\U0001d17a",
]
"""Characters that are seen on others only, or not at all."""


def told(cls: type[BaseModel], name: str, said: object, door: object) -> set[str]:
    try:
        cls.model_validate({name: said}, context=door)
    except ValidationError as error:
        return {one["type"] for one in error.errors() if one["loc"] == (name,)}
    return set()


FREE = sorted(
    {(cls, name) for root in ROOTS for cls, name in owners(root) if (cls.__name__, name) not in BESIDE},
    key=lambda one: (one[0].__name__, one[1]),
)


@pytest.mark.parametrize("door", [ENTERED, SENT], ids=["entered", "sent"])
@pytest.mark.parametrize(("cls", "name"), FREE, ids=[f"{cls.__name__}.{name}" for cls, name in FREE])
def test_no_text_of_any_step_and_event_may_show_nothing(cls: type[BaseModel], name: str, door: object) -> None:
    said = [*UNSEEN, *ALONE, "".join(ALONE)]
    assert [text for text in said if not told(cls, name, text, door) & {"blank", "string_pattern_mismatch"}] == []


def test_what_nobody_sees_is_no_id_and_is_said_by_the_published_schema_where_texts_of_any_script_have_it() -> None:
    assert not any(map(is_usable_id, ALONE)) and is_usable_id("e\u0301")
    assert not any(map(shows, ALONE)) and all(map(shows, ("e\u0301", "\u0903", "№", "😀", "ў")))
    schema = json.dumps(published("pilots.agency.application-withdrawn.v1"))
    assert json.dumps(SAYS_SOMETHING)[1:-1] in schema and json.dumps(SAID_AT_FIRST)[1:-1] not in schema
    assert [one for one in ALONE if re.search(SAYS_SOMETHING, one)] == ["\u05b0", "\u0e31"], "marks of one script"


def test_what_may_be_left_blank_is_cleaned_and_says_nothing_then() -> None:
    assert [Draft(title="т", problem=text).problem for text in UNSEEN] == UNSEEN, "outside of a door it is as it is"
    assert [enter(Draft, {"title": "т", "problem": text}).problem for text in UNSEEN] == [""] * len(UNSEEN)
    assert enter(Draft, {"title": "т", "problem": " а\u202eб\x00\r\nв "}).problem == "аб\nв"
    query = TypeAdapter(Words)
    assert [query.validate_python(text) for text in (*UNSEEN, " а\x00б ", None)] == [""] * len(UNSEEN) + ["аб", None]
    with pytest.raises(ValidationError):
        query.validate_python("а" * 1_001)


def test_every_form_has_words_and_every_pattern_that_is_asked_is_such_a_form() -> None:
    assert set(FORMS.values()) <= set(wordings())
    asked = {
        pattern
        for root in ROOTS
        for _, marks in texts(root, (), ())
        for one in marks
        if isinstance(pattern := getattr(one, "pattern", None), str)
    }
    for route in ROUTES.values():
        for one in parts(route.dependant):
            for field in [*one.query_params, *one.path_params, *one.body_params]:
                info = field.field_info
                for _, marks in texts(info.annotation, tuple(info.metadata), ()):
                    asked |= {mark.pattern for mark in marks if isinstance(getattr(mark, "pattern", None), str)}
    assert asked - set(FORMS) == set()


WITHOUT_WORDS = {
    "no_such_attribute", "needs_python_object", "frozen_field", "frozen_instance", "invalid_key", "get_attribute_error",
    "dataclass_exact_type", "named_tuple_type", "default_factory_not_called", "iterable_type", "iteration_error",
    "string_not_ascii", "frozen_dict_type", "ordered_dict_type", "counter_type", "deque_type", "set_item_not_hashable",
    "bytes_type", "bytes_too_short", "bytes_too_long", "bytes_invalid_encoding", "assertion_error",
    "missing_sentinel_error", "ellipsis_error", "date_past", "date_future", "time_type", "time_parsing",
    "datetime_past", "datetime_future", "timezone_naive", "timezone_offset", "time_delta_type", "time_delta_parsing",
    "is_instance_of", "is_subclass_of", "callable_type", "arguments_type", "missing_argument",
    "unexpected_keyword_argument", "missing_keyword_only_argument", "unexpected_positional_argument",
    "missing_positional_only_argument", "multiple_argument_values", "url_type", "url_parsing", "url_syntax_violation",
    "url_too_long", "url_scheme", "uuid_version", "fraction_type", "fraction_parsing", "complex_type",
    "complex_str_parsing",
}  # fmt: skip
"""Faults of types that nothing here has: times of day, addresses, bytes, functions, objects of a program."""


def test_every_kind_of_fault_that_pydantic_knows_has_words_or_belongs_to_a_type_that_nothing_has() -> None:
    assert {one for one in get_args(ErrorType) if f"schema.{one.replace('_', '-')}" not in wordings()} == WITHOUT_WORDS
