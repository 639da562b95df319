"""What differs between two forms of an application (изменения заявки), field by field."""

from contracts.expertise import Change
from contracts.reference import Application


def changes(before: Application, after: Application) -> tuple[Change, ...]:
    """The fields that differ, in the order in which an application declares them."""
    was, now = before.model_dump(mode="json"), after.model_dump(mode="json")
    return tuple(
        Change(field=name, before=was[name], after=now[name])
        for name in Application.model_fields
        if was[name] != now[name]
    )
