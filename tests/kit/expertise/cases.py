"""What the tests of the expertise over HTTP share: who asks, and worlds."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from contracts.reference import Met
from deploy.samples.common import party
from tests.kit.expertise.world import AP, OP, REMARK, WHY, World, book
from tests.kit.people import Person

AUDITOR = Person("auditor-1", ("auditor",))
ADMIN = Person("admin-1", ("admin",))
OTHER_OP = Person("operator-2", ("operator",))
SECRET, UNKNOWN = "pilot-secret", "pilot-nobody"
MANY = book(opinions_repeat=4, opinions_first=2)
ELSEWHERE = "790000029"
"""Another organisation than that of most experts."""
Build = Callable[..., Awaitable[World]]
"""Makes a world on a database of its own."""


def ids(answer: Any) -> list[str]:
    """The ids of a list, in its order."""
    return [row["id"] for row in answer["items"]]


TIE: Mapping[str, Any] = {"interests": [{"scheme": "BY-UNP", "value": "700000138"}]}
"""What an entry says of who is tied to the executor of the secret case."""


async def common(world: World) -> World:
    """What both worlds have: a directory, and cases with every one of these experts."""
    names = [*"abcdefgh"]
    for name in names:
        await world.enter(f"expert-{name}")
    await world.enter("tied-before", **TIE)
    await world.ask("put", "/teams/medics", ADMIN, {"name": "Медики", "members": ["expert-f"], "sectors": ["health"]})
    for number, pair in enumerate(zip(names[::2], names[1::2], strict=True)):
        await world.opened(f"pilot-{number}", title=f"Проект {number}")
        await world.seat(f"pilot-{number}", *(f"expert-{name}" for name in pair))
    return world


async def with_secret(world: World) -> World:
    """A case in its repeat: a is free; b, f and g have open conflicts; c's was confirmed; d judged the first round. To
    its executor somebody is tied who is not on it."""
    await world.opened(SECRET, title="Тайный проект", executor=party("700000138"))
    await world.seat(SECRET, "expert-d", "expert-h")
    negative = {"verdict": "negative", "remarks": [{**REMARK, "text": "Тайное замечание"}]}
    for name in "dh":
        await world.judge(SECRET, f"expert-{name}", value=1, text="Тайное замечание", **negative)
    await world.conclude(SECRET, text="Тайное замечание", **negative)
    again = Met(place=1, text="Исправлено.")
    changed = {"executor": party("700000138"), "expected_effect": "Тайное замечание"}
    await world.opened(SECRET, title="Тайный проект", submission=2, met=[again], **changed)
    for name in "cabfg":
        await world.seat(SECRET, f"expert-{name}")
        if name in "cbfg":
            told = {"expert_id": f"expert-{name}", "text": "Тайное замечание"}
            await world.do(SECRET, "conflicts", OP, told)
        if name == "c":
            await world.do(SECRET, "conflicts/expert-c/confirmation", AP, WHY)
    await world.do(SECRET, "claim")
    return world
