"""Requests of an agency that has used up its quota, refused as soon as their head is there.

Whoever floods sends ten requests for each that is let in. Each of the ten would cost the framework's way to the gate, a
task and the answer made anew: on a slow machine a quarter of a core, which others wait for. What is refused here the
gate would refuse by the same knowledge; whoever it does not know goes on to it.
"""

import time
from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers

from contracts.words import Language
from services.chassis.auth import KEY_BEGINS, Agencies, Caller, Keys, bearer_of
from services.chassis.problems import Problematic, answer, language_of
from services.chassis.timed import turned_away

MOST: Final = 1000
"""So many answers are kept ready."""
RawHeaders = Sequence[tuple[bytes, bytes]]


class TurnedAway:
    """What is said to a request of an app from whose agency nothing is taken now."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._ready = dict[tuple[str, str, str], bytes]()

    def __call__(self, method: str, path: str, headers: RawHeaders) -> bytes | None:
        """Headers and body of the answer; None for a request that goes on to the gate. Never waits."""
        agencies: Agencies = self._app.state.agencies
        if not agencies.counts(method, path):
            return None
        began = time.perf_counter()
        caller = self._known(agencies, bearer_of(headers))
        if caller is None:
            return None
        try:
            agencies.need_room(caller, method, path)
        except Problematic as refused:
            said = self._said(refused, language_of(Headers(raw=list(headers))))
            turned_away(method, path, caller.share, time.perf_counter() - began)
            return said
        return None

    def _known(self, agencies: Agencies, token: str) -> Caller | None:
        keys: Keys = self._app.state.keys
        return agencies.remembered(token) if token.startswith(KEY_BEGINS) else keys.remembered(token)

    def _said(self, refused: Problematic, language: Language) -> bytes:
        which = refused.detail, (refused.headers or {}).get("Retry-After", ""), language
        if (said := self._ready.get(which)) is None:
            if len(self._ready) >= MOST:
                self._ready = {}
            made = answer(refused, language)
            head = b"".join(b"%s: %s\r\n" % one for one in made.raw_headers)
            self._ready[which] = said = head + b"\r\n" + bytes(made.body)
        return said
