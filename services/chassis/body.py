"""The body of a command over HTTP: a step of the contracts, read as what a person enters.

A key that is not known is a mistake at every depth and refused, never ignored: what is misspelt would be lost.
"""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from contracts.entered import enter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Exactly:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def entered(value: Any, _handler: Any) -> Any:
            return enter(source, value)

        return core_schema.no_info_wrap_validator_function(entered, handler(source))


Body = Annotated[T, _Exactly()]
"""The one strict body of all routes: `body: Body[Judgement]`."""
