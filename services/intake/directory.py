"""The directory of agencies as intake knows it: who may publish, and how much."""

import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from contracts.rules import RuleBook
from services.chassis import directory
from services.chassis.auth import Caller
from services.chassis.directory import Note, not_noted
from services.chassis.own_editions import need_known
from services.chassis.pace import SELDOM
from services.chassis.problems import Problematic
from services.intake.domain.agency import Agency, shut
from services.intake.quotas import HALF, Quotas, nothing_shared

COUNTED: Final = frozenset({("POST", "/v1/events"), ("POST", "/v1/events/validate")})
"""The requests that count in a quota."""


def need_editions(entries: Iterable[Agency], rules: RuleBook) -> None:
    """Raises Behind where entries name editions that are not known here, as when the folder of own ones is not given
    any more: nothing that these agencies send could be decided on."""
    missing = dict[str, list[str]]()
    for entry in entries:
        for one in entry.editions:
            if one.edition not in rules:
                missing.setdefault(one.edition, []).append(entry.code)
    need_known((edition, ", ".join(codes)) for edition, codes in sorted(missing.items()))


class Directory(directory.Directory[Agency]):
    """The entries of all agencies with their keys and quotas, a second old at most. `now` is the clock by which an
    agency's days are told."""

    def __init__(
        self,
        load: Callable[[], Awaitable[Sequence[Agency]]],
        now: Callable[[], datetime],
        rules: RuleBook,
        note: Note = not_noted,
        quotas: Quotas | None = None,
    ) -> None:
        super().__init__(load, now, lambda entry, at: shut(entry, at, rules), note)
        self.quotas = quotas or Quotas(nothing_shared, None, now)
        self.most = self.quotas.most
        self._rates_at = float("-inf")

    async def need_publisher(self, code: str) -> Agency:
        """The entry of an agency that may publish now. Raises Problematic 403 for any other, and StoreAway."""
        entry = await self.entry(code)
        if entry is None:
            raise Problematic(403, "agency.unknown", action="retry")
        self.need(entry)
        return entry

    def counts(self, method: str, path: str) -> bool:
        """Whether requests like this count in a quota."""
        return (method, path) in COUNTED

    def need_room(self, caller: Caller, method: str, path: str) -> None:
        """A flood is refused before or at the gate, for a fraction of what it costs to find the route and ask its
        dependencies. By what is known: the route itself asks again."""
        entry = self._entries.get(caller.organisation or "")
        if entry is None or entry.disabled is not None or not self.counts(method, path):
            return
        self._asked_at = time.monotonic()
        self._tend()  # else nobody would hear of another quota while all are refused by this one
        self.quotas.need_room(entry.code, entry.quota)

    async def room(self, code: str, events: int, size: int) -> float:
        """Counts so many events and bytes as an agency's, and returns 0; or in how many seconds there may be room for
        them. Raises StoreAway."""
        entry = await self.entry(code)
        return self.quotas.tried(code, None if entry is None else entry.quota, events, size)

    def rate(self, code: str) -> float:
        """How many events a second of an agency's topic are read at most: as its quota says, or that of all; half of it
        while the agency floods the other door, too. Of who is not known yet, as that of all. What is known is read anew
        behind the back of who asks, seldom: who reads topics asks without end."""
        now = time.monotonic()
        if now - max(self._read_at, self._rates_at) > SELDOM:
            self._rates_at = now
            self._tend()
        entry = self._entries.get(code)
        quota = (entry.quota if entry is not None else None) or self.most
        part = HALF if self.quotas.crowds(code) else 1
        return math.inf if quota is None else quota.events_a_minute / 60 * part

    def beside(self, crowds: Callable[[str], bool]) -> None:
        """Whether an agency's topic gives more than its rate is told by this from now on."""
        self.quotas.elsewhere = crowds

    def ends(self) -> Mapping[str, datetime]:
        """When the first key of each agency ends that is good now and has no successor, as far as that is known."""
        found = dict[str, datetime]()
        for code, entry in self._entries.items():
            replaced = {key.replaces for key in entry.keys if key.revoked is None}
            last = [k.until for k in entry.keys if k.until and k.good(self._now()) and k.id not in replaced]
            if last and entry.disabled is None:
                found[code] = min(last)
        return found
