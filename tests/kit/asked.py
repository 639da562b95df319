"""What a query of MongoDB finds, of rows in memory: as much of its language as the lists of the services speak."""

from collections.abc import Mapping, Sequence
from typing import Any


def fits(row: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Whether a row is what a query asks for."""
    return all(_part(row, name, asked) for name, asked in query.items())


def _part(row: Mapping[str, Any], name: str, asked: Any) -> bool:
    match name:
        case "$and":
            return all(fits(row, one) for one in asked)
        case "$or":
            return any(fits(row, one) for one in asked)
        case "$nor":
            return not any(fits(row, one) for one in asked)
    return _value(_at(row, name.split(".")), asked)


def _at(held: Any, path: Sequence[str]) -> Any:
    """What stands at a path; None where nothing does. A number is a place in a list, any other name in each of it."""
    for number, name in enumerate(path):
        if isinstance(held, (list, tuple)):
            if not name.isdigit():
                return [_at(one, path[number:]) for one in held]
            held = held[int(name)] if int(name) < len(held) else None
        else:
            held = held.get(name) if isinstance(held, Mapping) else None
    return held


def _value(found: Any, asked: Any) -> bool:
    values = [*found, found] if isinstance(found, (list, tuple)) else [found]
    if not (isinstance(asked, Mapping) and any(name.startswith("$") for name in asked)):
        return asked in values
    return all(_asked(found, values, how, what) for how, what in asked.items())


def _asked(found: Any, values: Sequence[Any], how: str, what: Any) -> bool:
    match how:
        case "$eq":
            return what in values
        case "$ne":
            return what not in values
        case "$in":
            return any(one in what for one in values)
        case "$nin":
            return not any(one in what for one in values)
        case "$exists":
            return (found is not None) is what
        case "$type":
            return any(isinstance(one, str) for one in values) if what == "string" else False
        case "$elemMatch":
            return any(fits(one, what) for one in found or () if isinstance(one, Mapping))
        case "$not":
            return not _value(found, what)
        case "$gt" | "$gte" | "$lt" | "$lte":
            return any(_than(one, how, what) for one in values if isinstance(one, type(what)))
    raise AssertionError(f"{how} is not known here")


def _than(one: Any, how: str, what: Any) -> bool:
    return bool({"$gt": one > what, "$gte": one >= what, "$lt": one < what, "$lte": one <= what}[how])
