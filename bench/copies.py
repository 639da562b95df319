"""Copies of pilots for a register full of them, made as fast as they can be written.

A model is a pilot of the shelf, folded by the domain; making one takes a millisecond. A copy is its stored bytes with
the copy's own id, number, agency, days, time of day and texts in their places, each as long as the model's: nothing is
folded or encoded again. What is indexed of a copy is made from that of its model in the same way, and a test holds
both against what the register itself makes of the copy's document.
"""

import random
import re
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import bson
from bson.raw_bson import RawBSONDocument

from bench.pilots import AGENCIES, BEGIN, BY_SIZE, EDITION, YEARS, Shelf
from services.chassis.store import Row
from services.registry import views
from services.registry.finding.entries import BETWEEN, FACETS, LAST, Entry, counted, entry, tie
from services.registry.finding.text import indexed
from services.registry.finding.writing import code, normalised

MODELS: Final = 1_000
"""So many different pilots are made, as many in each year; more would be more of the same."""
TEXTS: Final = ("title", "problem", "solution", "expected_effect")
"""The texts of an application that each copy has of its own: those by which it is found."""
DAY: Final = re.compile(rb"(?<=\x0b\x00\x00\x00)\d{4}-\d\d-\d\d(?=\x00)")
"""A day as BSON holds it: its length with the zero at its end, then the text."""
MOMENT: Final = re.compile(rb"(?<=\x19\x00\x00\x00)\d{4}-\d\d-\d\d(?=T\d\d:\d\d:\d\d\.\d{3}Z\x00)")
EARLIEST: Final = date(BEGIN.year - 2, 1, 1)
DAYS: Final = tuple(str(EARLIEST + timedelta(days=n)).encode() for n in range(366 * (YEARS + 10)))
"""Every day that a pilot may name, by its distance from the earliest."""
SPACE: Final = 32
NAMES: Final = "\n"
"""What stands between the words of the texts and those of the names."""
LONGEST: Final = 4_000
"""Bytes that no text of a model exceeds."""
Document = RawBSONDocument


@dataclass(frozen=True, slots=True)
class Model:
    """A made pilot, and where in its bytes stands what a copy has of its own."""

    stored: bytes
    entered: datetime
    number: str
    id_at: Sequence[int]
    number_at: Sequence[int]
    agency_at: Sequence[int]
    days_at: Sequence[tuple[int, int]]
    """Where a day stands, and which one."""
    times_at: Sequence[int]
    """Where the time of day stands: all moments of a model have the same."""
    texts_at: Sequence[tuple[int, int]]
    """Where each of `TEXTS` stands, and how many bytes it has."""
    internal: Entry
    public: Entry | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A pilot like a model, entered at another moment of about the same year."""

    model: Model
    id: str
    number: str
    agency: str
    entered: datetime
    texts: Sequence[bytes]

    def document(self) -> Document:
        """It as it is stored."""
        model, made = self.model, bytearray(self.model.stored)
        for value, places in ((self.id, model.id_at), (self.number, model.number_at), (self.agency, model.agency_at)):
            put = value.encode()
            for at in places:
                made[at : at + len(put)] = put
        later = (self.entered.date() - model.entered.date()).days
        for at, day in model.days_at:
            made[at : at + 10] = DAYS[day + later]
        time = _moment(self.entered)[10:].encode()
        for at in model.times_at:
            made[at : at + len(time)] = time
        for (at, length), text in zip(model.texts_at, self.texts, strict=True):
            made[at : at + length] = text
        return Document(bytes(made))

    def entries(self) -> tuple[Entry, Entry | None]:
        """What is indexed of it, inside the house and for the public; None: the public does not see it."""
        said = [text.decode() for text in self.texts]
        own: Entry = {
            "id": [self.id],
            "tie": [tie(self.id)],
            "title": [indexed(said[:1])],
            "text": [indexed(said)],
            "word": [" ".join(map(normalised, said))],
            "agency": [self.agency],
            "year": [FACETS["year"]({"entered": _moment(self.entered)})],
        }
        public = self.model.public
        return self._entry(self.model.internal, own), self._entry(public, own) if public is not None else None

    def _entry(self, of: Entry, own: Entry) -> Entry:
        later = (self.entered - self.model.entered) // timedelta(milliseconds=1)
        [due], [words], [published], was = of["due"], of["word"], of["published"], code(self.model.number)
        [named] = of[counted("agency")]
        return {
            **of,
            **own,
            "code": sorted(code(self.number) if one == was else one for one in of["code"]),
            "word": [f"{own['word'][0]}\n{words.partition(NAMES)[2]}"],
            "entered": [of["entered"][0] + later],
            "due": [due if due == LAST else due - later],
            "published": [published if published == LAST else published + later],
            counted("agency"): [BETWEEN.join((self.agency, *named.split(BETWEEN)[1:]))],
        }


class Copies:
    """So many copies by the shelf's words, in the order in which they were entered: the same in every run."""

    def __init__(self, shelf: Shelf, count: int) -> None:
        self._count = count
        self._dice = random.Random(count)
        self._models = [_model(row) for row in shelf.rows(min(MODELS, count))]
        self._words = shelf.text.encode()
        last = len(self._words) - LONGEST
        self._starts = array("L", (found.end() for found in re.finditer(b" ", self._words[:last])))

    def __iter__(self) -> Iterator[Copy]:
        for number in range(self._count):
            yield self._copy(number)

    def _copy(self, number: int) -> Copy:
        dice = self._dice
        year, models = number * YEARS // self._count, len(self._models)
        model = self._models[dice.randrange(year * models // YEARS, (year + 1) * models // YEARS)]
        entered = BEGIN + timedelta(days=365 * YEARS) * (number / self._count)
        entered = entered.replace(microsecond=entered.microsecond // 1000 * 1000)
        return Copy(
            model,
            id=str(UUID(int=dice.getrandbits(128), version=4)),
            number=f"{EDITION.registration.prefix}-{entered.year}-{number:07d}",
            agency=dice.choices(AGENCIES, cum_weights=BY_SIZE)[0],
            entered=entered,
            texts=[self._text(length) for _, length in model.texts_at],
        )

    def _text(self, length: int) -> bytes:
        """Words of exactly so many bytes; dots where the last one would be cut."""
        start = self._starts[int(self._dice.random() * len(self._starts))]
        text = self._words[start : start + length]
        if self._words[start + length] == SPACE:
            return text
        return text[: max(text.rfind(b" "), 0)].ljust(length, b".")


def _model(row: Row) -> Model:
    state = row["state"]
    stored = bson.encode(row)
    moments = [found.start() for found in MOMENT.finditer(stored)]
    days = [found.start() for found in DAY.finditer(stored)]
    time = state["entered"][10:].encode()
    texts = [state["application"][name] for name in TEXTS]
    return Model(
        stored=stored,
        entered=datetime.fromisoformat(state["entered"]),
        number=state["number"],
        id_at=_places(stored, row["_id"]),
        number_at=_places(stored, state["number"]),
        agency_at=_places(stored, state["agency"]),
        days_at=[(at, (date.fromisoformat(stored[at : at + 10].decode()) - EARLIEST).days) for at in moments + days],
        times_at=[at + 10 for at in moments if stored[at + 10 : at + 10 + len(time)] == time],
        texts_at=[(_places(stored, text)[0], len(text.encode())) for text in texts],
        internal=entry(views.internal(row)),
        public=entry(views.public(row)) if views.is_public(row) else None,
    )


def _places(stored: bytes, text: str) -> list[int]:
    """Where a text stands as the whole of a value."""
    value = text.encode() + b"\0"
    whole = struct.pack("<i", len(value)) + value
    return [found.start() + 4 for found in re.finditer(re.escape(whole), stored)]


def _moment(at: datetime) -> str:
    """A moment as documents hold it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
