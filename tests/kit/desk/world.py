"""Services that a test of the pages exchanges while a browser looks at them, and a desk that forgets drafts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from tests.kit.desk.memory import Memory

Answers = Callable[[httpx.Request], httpx.Response]
READING: Final = frozenset({"GET", "HEAD"})


def nothing(_request: httpx.Request) -> httpx.Response:
    """Services that know nothing."""
    return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})


@dataclass
class World:
    """Everything that the desk asks: `answers` to what is read, and to what is done unless `command` does."""

    answers: Answers = nothing
    command: Answers | None = None
    memory: Memory = field(default_factory=Memory)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """An answer."""
        if self.command and request.method not in READING:
            return self.command(request)
        return self.answers(request)

    def becomes(self, answers: Answers, command: Answers | None = None) -> None:
        """Other services, before a desk on which nobody has typed anything yet."""
        self.answers, self.command = answers, command
        self.memory.all.pop("drafts", None)


def away(_request: httpx.Request) -> httpx.Response:
    """Nobody answers."""
    raise httpx.ConnectError("refused")


def faulty(*pointers: str) -> Answers:
    """What was sent is refused for these of its places."""
    problems = [{"pointer": one, "message": "Обязательное поле не заполнено."} for one in pointers]
    return lambda _request: httpx.Response(422, json={"title": "request.invalid", "problems": problems})


def stale(world: World, newer: Answers) -> Answers:
    """Somebody else was sooner: from then on the subject is what `newer` says."""

    def answer(_request: httpx.Request) -> httpx.Response:
        world.answers = newer
        return httpx.Response(412, json={"title": "revision.gone", "detail": "Изменилось."})

    return answer
