"""What is taken and answered about hooks, for their routes and documents."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field

from contracts.event import Contract, Moment, wire_moment
from contracts.text import line
from contracts.words import wording
from services.chassis.hooks.rows import State
from services.chassis.hooks.schedule import Off
from services.chassis.store import Row

MOST_ADDRESS = 2_000
EXAMPLE = "https://hooks.example.test/lotsman"
NOTICES = {
    Off.FAILING: "webhook.off-failing",
    Off.GONE: "webhook.off-gone",
    Off.BY_HAND: "webhook.off-by-hand",
}


class HookOrder(BaseModel):
    """Where to send, and what the hook is called by those who look after it."""

    # Not in contracts.steps, like the two below: a word to this service about its own work, of which no fact tells.

    address: Annotated[str, line(MOST_ADDRESS, exact=True)] = Field(examples=[EXAMPLE])
    note: Annotated[str, line(200)] | None = Field(default=None, examples=["Учётная система ведомства"])


class Recovery(BaseModel):
    """Of which time what was not taken shall be sent once more: what happened from `since` to before `until` (none: up
    to now); `all`: also what was taken. Also what happened before the hook was registered."""

    since: Moment
    until: Moment | None = None
    all: bool = False


class SwitchedOff(Contract):
    """Why a hook is off and since when, as a notice to those whose it is."""

    why: Off
    at: AwareDatetime
    ru: str
    be: str
    en: str


class WebhookShown(Contract):
    """A hook. `failing_since`: nothing came through since then; `signing`: how many secrets sign now."""

    id: str
    owner: str = Field(examples=["minzdrav"])
    by: str
    address: str = Field(examples=[EXAMPLE])
    note: str | None
    since: AwareDatetime
    failing_since: AwareDatetime | None
    off: SwitchedOff | None
    signing: int


class RegisteredWebhook(WebhookShown):
    """A hook, with its secret: it is shown this once."""

    secret: str = Field(examples=["whsec_b2ZmaWNpYWwtZXhhbXBsZS1zZWNyZXQtMzItYnl0ZXM="])


class NewSecret(Contract):
    """A new secret, shown this once; until `before_until` the one before signs beside it."""

    secret: str = Field(examples=["whsec_b2ZmaWNpYWwtZXhhbXBsZS1zZWNyZXQtMzItYnl0ZXM="])
    before_until: AwareDatetime


class Attempt(Contract):
    """One attempt: the status, or why there was none (a code); how long it took; the first of what was answered, as
    far as it is known to be harmless."""

    at: AwareDatetime
    status: int | None = Field(examples=[503])
    why: str | None = Field(examples=["not-reached"])
    answer: str
    milliseconds: int


class DeliveryLine(Contract):
    """A message to a hook. `id` is its `webhook-id`; `item` is what it is made of; `at` is when that happened."""

    id: str
    state: State
    pilot: str
    item: str
    at: str
    tries: int
    next_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    last: Attempt | None


class DeliveryShown(DeliveryLine):
    """A message to a hook, with its last attempts, the latest at the end."""

    attempts: list[Attempt]


class Again(Contract):
    """How many messages are sent, once more or for the first time. `next`: of a long time from before the registration
    there is more; ask again from then on."""

    messages: int
    next: AwareDatetime | None = None


class Notice(SwitchedOff):
    """A notice that a hook was switched off, in three languages; it stays when that is on again, or removed."""

    id: str
    hook: str
    owner: str = Field(examples=["minzdrav"])
    address: str = Field(examples=[EXAMPLE])


def shown(row: Row, now: datetime) -> dict[str, Any]:
    """A hook as it is answered; of its secrets only how many there are."""
    signing = sum(one["until"] is None or one["until"] > now for one in row["secrets"])
    named = {name: row[name] for name in ("owner", "by", "address", "note", "since", "failing_since")}
    return {"id": row["_id"], **named, "off": row["off"] and _notice(row), "signing": signing}


def _notice(row: Row) -> dict[str, Any]:
    off, failing = row["off"], row["failing_since"]
    return {"at": off["at"], **_worded(Off(off["why"]), row["address"], failing or off["at"])}


def notice(row: Row) -> dict[str, Any]:
    """A notice as it is answered."""
    named = {name: row[name] for name in ("hook", "owner", "address")}
    return {
        "id": row["_id"],
        **named,
        "at": row["at"],
        **_worded(Off(row["why"]), row["address"], row["failing_since"]),
    }


def _worded(off: Off, address: str, since: datetime) -> dict[str, Any]:
    said = wording(NOTICES[off], address=address, since=wire_moment(since))
    return {"why": off, "ru": said.ru, "be": said.be, "en": said.en}


def delivery_line(row: Row) -> dict[str, Any]:
    """A line of the list of deliveries."""
    names = ("state", "pilot", "at", "tries", "next_at", "ended_at")
    item = row.get("called") or row["item"]
    last = row["attempts"][-1] if row["attempts"] else None
    return {"id": row["_id"], "item": item, **{n: row[n] for n in names}, "last": last}
