"""The body of a command over HTTP: a step of the contracts, read as what a person enters.

A key that is not known is a mistake at every depth and refused, never ignored: what is misspelt would be lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from contracts.entered import ENTERED, Door, enter
from contracts.rules import load
from services.law.years import widest

T = TypeVar("T")


@cache
def _door() -> Door:
    """What people enter says of no edition yet: the years are those of all of them. The decision, which knows the
    pilot's own, holds it to those (`services.law.years.need_years`)."""
    return replace(ENTERED, years=widest(load()))


@dataclass(frozen=True, slots=True)
class _Exactly:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def entered(value: Any, _handler: Any) -> Any:
            return enter(source, value, _door())

        return core_schema.no_info_wrap_validator_function(entered, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Says at every depth that no other keys are taken."""
        shown = handler(schema)
        met = set[str]()

        def close(part: JsonSchemaValue) -> None:
            if (reference := part.get("$ref")) is not None:
                if reference in met:
                    return
                met.add(reference)
                part = handler.resolve_ref_schema(part)
            if "properties" in part:
                part["additionalProperties"] = False
            for one in _within(part):
                close(one)

        close(shown)
        return shown


def _within(part: Mapping[str, Any]) -> Iterator[JsonSchemaValue]:
    """The schemas that a schema is made of."""
    yield from part.get("properties", {}).values()
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        yield from part.get(name, ())
    for name in ("items", "additionalProperties"):
        if isinstance(one := part.get(name), dict):
            yield one


Body = Annotated[T, _Exactly()]
"""The one strict body of all routes: `body: Body[Judgement]`."""
