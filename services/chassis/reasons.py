"""Coded reasons (причины): every return and refusal names some of the edition's list. Pure."""

from collections.abc import Sequence

from contracts.reference import Problem, ReturnReason
from contracts.rules import Edition
from services.chassis.subject import Refusal


def need_reasons(reasons: Sequence[ReturnReason], edition: Edition, detail: str) -> None:
    """Raises Refusal 422 with every reason that is not of the edition's list, or when there is none at all.

    `detail` says what needs them.
    """
    known = edition.return_reasons
    problems = [
        Problem(
            pointer=f"/reasons/{place}/code",
            rule="reason.unknown",
            message=f"Reasons: {', '.join(known.codes)}.",
            message_ru=f"Причины: {', '.join(known.codes)}.",
        )
        for place, reason in enumerate(reasons)
        if reason.code not in known
    ]
    if problems or not reasons:
        raise Refusal("reasons.invalid", detail, status=422, problems=problems)
