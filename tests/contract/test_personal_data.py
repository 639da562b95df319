"""No personal data in facts: a field marked Personal cannot be reached from any fact or receipt."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, get_args

import pytest
from pydantic import BaseModel, Field

from contracts.agency import (
    ApplicationResubmittedV1,
    ApplicationSubmittedV1,
    ApplicationSubmittedV2,
    ContactPerson,
)
from contracts.event import Contract, Fact, Payload, Personal
from contracts.freeze import CLASSES, OWNERS, example

OURS = sorted(name for owner in OWNERS if owner != "agency" for name in OWNERS[owner])


def marked(model: type[BaseModel], seen: frozenset[type] = frozenset()) -> Iterator[str]:
    """The places of all fields marked Personal that can be reached from a model."""
    for name, field in model.model_fields.items():
        if any(isinstance(mark, Personal) for mark in field.metadata):
            yield name
        for place in _inside(field.annotation, seen | {model}):
            yield f"{name}/{place}" if place else name


def _inside(annotation: Any, seen: frozenset[type]) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            yield from marked(annotation, seen)
        return
    for part in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        if isinstance(part, Personal):
            yield ""
        else:
            yield from _inside(part, seen)


@pytest.mark.parametrize("name", OURS)
def test_no_personal_field_can_be_reached_from_what_services_publish(name: str) -> None:
    assert list(marked(CLASSES[name])) == []


WITH_CONTACT = (ApplicationSubmittedV1, ApplicationSubmittedV2, ApplicationResubmittedV1)


@pytest.mark.parametrize("cls", WITH_CONTACT)
def test_the_contact_person_of_an_application_is_marked_field_by_field(cls: type[Payload]) -> None:
    assert set(marked(cls)) == {"contact/name", "contact/email", "contact/phone"}


@pytest.mark.parametrize("name", sorted(OWNERS["agency"].keys() - {cls.TYPE for cls in WITH_CONTACT}))
def test_nothing_else_that_an_agency_sends_asks_for_personal_data(name: str) -> None:
    assert list(marked(CLASSES[name])) == []


@pytest.mark.parametrize("name", OURS)
def test_no_example_of_what_services_publish_tells_who_the_contact_persons_are(name: str) -> None:
    told = json.dumps(example(name), ensure_ascii=False)
    people = [example(cls.TYPE)["data"]["contact"] for cls in WITH_CONTACT]
    assert all(len(person) == 3 and all(person.values()) for person in people)
    assert [value for person in people for value in person.values() if value in told] == []


def test_every_field_of_a_contact_person_is_marked() -> None:
    assert set(marked(ContactPerson)) == set(ContactPerson.model_fields)


class Wrapped(Contract):
    people: tuple[ContactPerson, ...] = ()


class Direct(Fact):
    TYPE: ClassVar[str] = "pilots.test.direct.v1"
    email: Annotated[str, Personal("e-mail")] = Field(min_length=3)


class Nested(Fact):
    TYPE: ClassVar[str] = "pilots.test.nested.v1"
    wrapped: Wrapped | None = None


class InAList(Fact):
    TYPE: ClassVar[str] = "pilots.test.in-a-list.v1"
    emails: tuple[Annotated[str, Personal("e-mail")], ...] = ()


class InADictionary(Fact):
    TYPE: ClassVar[str] = "pilots.test.in-a-dictionary.v1"
    people: dict[str, list[ContactPerson]] = Field(default_factory=dict)


@pytest.mark.parametrize("planted", [Direct, Nested, InAList, InADictionary])
def test_a_planted_personal_field_is_found(planted: type[Fact]) -> None:
    assert list(marked(planted)) != []
