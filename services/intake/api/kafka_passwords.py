"""A password for an agency's user at Kafka: made here, shown once, and carried over by who has the right to."""

from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter, Response

from services.chassis.described import SAME_AGAIN
from services.chassis.hand import REPLAYED
from services.chassis.problems import Problematic
from services.chassis.store import Store, StoreAway
from services.intake import at_kafka
from services.intake.api.access import Admin
from services.intake.api.answers import NewPassword
from services.intake.api.directory import AgencyCode, followed, known_here, told_once
from services.intake.domain.agency import MakePassword, subject_of
from services.law.standing import KIND

ONCE: Final[dict[int | str, dict[str, Any]]] = {200: {"model": NewPassword, "description": SAME_AGAIN}}


def add(router: APIRouter) -> None:
    """`/agencies/{code}/kafka-password`."""

    @router.post(
        "/agencies/{code}/kafka-password",
        tags=["directory"],
        status_code=201,
        response_model=NewPassword,
        responses=ONCE,
    )
    async def make(code: AgencyCode, by: Admin) -> Response:
        """Makes a new password for an agency's user at Kafka, which is in this answer and never again: the same asked
        again tells no password. Kafka takes it within seconds, in the place of the one before; who is connected stays
        so. An agency that is cut off gets one, too, so that it can be let in again with that alone. If-Match is not
        needed."""
        password, salted = at_kafka.made(code)
        # First what is kept, then the fact that names it: a row that no entry names opens nothing.
        await by.engine.store.put(at_kafka.PASSWORDS, [at_kafka.row_of(salted, by.engine.now())])
        try:
            answer = await by.give(subject_of(code), KIND, MakePassword(salted.id), at_once=True)
        except Problematic as error:
            if error.status < 500:  # refused: no fact names the row, nor will. Of any other end nobody knows that
                await _forgotten(by.engine.store, salted.id)
            raise
        if REPLAYED in answer.headers:  # the fact is of an earlier request, and names the row of that
            await _forgotten(by.engine.store, salted.id)
        told = {"agency": code, "kafka": await followed(by, code, answer)}
        return known_here(by.request, told_once(answer, told, password=password))


async def _forgotten(store: Store, id_: str) -> None:
    """Throws a row away that opens nothing. Where MongoDB is away the follower does it within the hour."""
    with suppress(StoreAway):
        await store.remove(at_kafka.PASSWORDS, [id_])
