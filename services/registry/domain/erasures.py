"""Erasures of persons' data (удаление персональных данных) in the register: its own, and those that the expertise tells
of."""

from collections.abc import Sequence
from typing import Any, Final

from contracts.registry import PersonErasedV1
from services.law import erasing
from services.law.decision import Context
from services.law.erasing import Erase, Erasures
from services.registry.domain.commands import ForgetPerson

_own: Final = erasing.deciding(PersonErasedV1)


def decide(state: Erasures | None, command: Erase | ForgetPerson, context: Context[Any]) -> Sequence[PersonErasedV1]:
    """An erasure here is a fact. Of one in the expertise nothing is to be decided: the data is gone before this is
    asked (`handlers.preparing`), and the fact stands in the expertise's topic."""
    return () if isinstance(command, ForgetPerson) else _own(state, command, context)
