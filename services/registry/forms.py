"""The forms of what the register shows: models made of the tables in `views.py`, for the documents of the interface.

A field has the type that the state gives it; which fields there are is said by the tables alone, so a new line there
stands in the document at once. No answer is made by these models: see `services/chassis/answers.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, create_model

from contracts.event import Contract, Moment
from contracts.reference import Procedure
from services.chassis.answers import declared
from services.law.budget import Overpaid
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Mover
from services.registry.views import Shown


class Amount(Contract):
    """An amount in minor units of a currency, and as a decimal number."""

    currency: str
    amount_minor: int
    amount: str


class Totals(Contract):
    """Sums of a pilot's money by currency: planned, committed, paid. They are never added up: it is the same money."""

    planned: list[Amount]
    committed: list[Amount]
    paid: list[Amount]


assert Totals.model_fields.keys() == set(MoneyStage), "a stage of money has no total"

MADE: Final[Mapping[str, Any]] = {
    "id": str,
    "version": int,
    "correlation": str | None,
    "title": str,
    "sector": str,
    "procedure": Procedure | None,
    "next_move": Mover | None,
    "totals": Totals,
    "overpaid": list[Overpaid],
    "published": Moment | None,
}
"""Of what type a pilot's fields are that its state has not, or not there."""
MADE_WITHIN: Final[Mapping[str, Any]] = {"amount": str}
"""The same of what is made of an object within: an amount as a decimal number."""


class Told(BaseModel):
    """What is told of something: with all the fields that this caller sees."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Nothing(Told):
    """Of what nothing is told but that it is there."""

    model_config = ConfigDict(extra="forbid")


@cache
def form(
    name: str,
    table: tuple[Shown, ...],
    of: type[BaseModel],
    *,
    public: bool = False,
    listed: bool = False,
    made: bool = False,
    stored: bool = False,
) -> type[BaseModel]:
    """The form of what a table shows of a model, under this name. `listed`: a line of a list, made of what is stored,
    where what has come later may be missing. `made`: the fields of `MADE` are those that are made. `stored`: it is made
    of what another program may have written, so anything may be missing."""
    about = (of.__doc__ or "").strip().split("\n\n")[0]
    fields: dict[str, Any] = {}
    for one in _shown(table, public, listed):
        kind = MADE[one.name] if made and one.name in MADE else _type(one, of, public, listed)
        fields[one.name] = kind | None if stored else kind
    return create_model(name, __base__=Told if fields else Nothing, __doc__=about, **fields)


def _shown(table: Sequence[Shown], public: bool, listed: bool) -> Iterator[Shown]:
    return (one for one in table if (one.public or not public) and (one.listed or not listed))


def _type(one: Shown, of: type[BaseModel], public: bool, listed: bool) -> Any:
    """The type of a field, as this table shows it."""
    if callable(one.at) and one.name in MADE_WITHIN:
        return MADE_WITHIN[one.name]
    bare, many, maybe = _parts(declared(of, one.name))
    if one.of:
        assert isinstance(bare, type) and issubclass(bare, BaseModel), f"{of.__name__}.{one.name} holds no objects"
        bare = _nested(one.of, bare, public)
    found: Any = list[bare] if many else bare  # type: ignore[valid-type]
    late = listed and not (one.name in of.model_fields and of.model_fields[one.name].is_required())
    return found | None if maybe or late else found


def _nested(table: tuple[Shown, ...], of: type[BaseModel], public: bool) -> type[BaseModel]:
    """The form of an object within another: the model itself, where all of it is shown."""
    names = {one.name for one in _shown(table, public, False)}
    all_of_it = names == {*of.model_fields, *of.model_computed_fields}
    if all_of_it and all(
        _nested(one.of, _parts(declared(of, one.name))[0], public) is _bare(of, one.name) for one in table if one.of
    ):
        return of
    return form(f"{'Public' if public else 'Shown'}{of.__name__}", table, of, public=public)


def _bare(of: type[BaseModel], name: str) -> Any:
    return _parts(declared(of, name))[0]


def _parts(kind: Any) -> tuple[Any, bool, bool]:
    """A type without what stands around it: whether there are many of it, whether there may be none."""
    if get_origin(kind) is Annotated:
        return _parts(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind):
        some = [one for one in get_args(kind) if one is not NoneType]
        bare, many, _ = _parts(some[0]) if len(some) == 1 else (Union[tuple(some)], False, True)  # noqa: UP007
        return bare, many, True
    if get_origin(kind) in (tuple, list):
        bare, _, _ = _parts(get_args(kind)[0])
        return bare, True, False
    return kind, False, False
