"""Speaks to a running service over HTTP, as the command line does: what goes wrong is one sentence."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import httpx

from deploy.complaint import Complaint

TIMEOUT: Final = 20.0
"""Seconds for an answer: a command may have much to do, and is never left before it says what it did."""
READS_WITHIN: Final = 5.5
"""Seconds for an answer to somebody of ops who only looks, woken at night: one service that hangs keeps nobody from
what the others tell. A service takes up to some four seconds to make sure of a difference, and as long again to say
that Kafka hangs (technical: issue of ops, a difference is named within five)."""


@cache
def client() -> httpx.Client:
    """One for all questions: each would read the certificates of the whole world anew, twenty times a second while a
    system starts. It keeps no connection, which a service that died would leave behind."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def ask(
    service: str,
    method: str,
    url: str,
    token: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | Sequence[Any] | None = None,
    params: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> httpx.Response:
    """The answer, whatever it is. Raises Complaint when there is none."""
    bearer = {"Authorization": f"Bearer {token}"}
    try:
        return client().request(
            method, url, json=body, params=params, headers={**bearer, **(headers or {})}, timeout=timeout
        )
    except httpx.HTTPError as error:
        raise Complaint(
            f"{service.capitalize()} does not answer ({type(error).__name__}); ./lotsman status says why."
        ) from error


def why(answer: httpx.Response) -> str:
    """Why a request was refused, with all problems of the answer."""
    try:
        problem = answer.json()
        faults = [f"{fault['pointer']}: {fault['message']}" for fault in problem.get("problems", [])]
        return "; ".join([problem.get("detail", problem["title"]), *faults])
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.text[:300]
