"""Errors as `application/problem+json` (RFC 9457): what is wrong, everything that is wrong, and whether to retry.

What is said is said in the language of `Accept-Language` (ru, be, en), in English where none of them is asked for; the
words of every problem stand beside it in all three.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from contracts.reference import Problem
from contracts.words import LANGUAGES, Language, Value, problems_of
from services.chassis import not_decided
from services.chassis.store import StoreAway
from services.law.decision import Refusal

MEDIA_TYPE: Final = "application/problem+json"
DEFAULT: Final[Language] = "en"
BARE: Final[Mapping[int, str]] = {
    400: "http.400",
    401: "http.401",
    403: "http.403",
    404: "http.404",
    405: "http.405",
    406: "http.406",
    408: "http.408",
    413: "http.413",
    414: "http.414",
    415: "http.415",
    416: "http.416",
    431: "http.431",
}
"""The rules of what the framework itself refuses, by status: its own sentences are nobody's words here."""


class Problematic(HTTPException):
    """A request that is answered with a problem: the id of a rule, whose words stand in `contracts/words`, and its
    values. `action` tells the caller to `fix` it or to `retry` it as it is; `extra` are further members of the answer.
    """

    def __init__(
        self,
        status: int,
        rule: str,
        /,
        *,
        action: str = "fix",
        problems: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        refusal: Refusal | None = None,
        **values: Value,
    ) -> None:
        self.refusal = refusal or Refusal(rule, status=status, problems=problems, **values)
        super().__init__(status, self.refusal.said(DEFAULT), dict(headers or {}))
        self.status, self.code, self.action = status, rule, action
        self.problems, self.extra = self.refusal.problems, dict(extra or {})


def refused(refusal: Refusal) -> Problematic:
    """What the law of the domain did not allow, as the answer to who asked for it."""
    return Problematic(refusal.status, refusal.rule, refusal=refusal)


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""

    @app.exception_handler(Problematic)
    async def _problematic(request: Request, error: Problematic) -> JSONResponse:
        return _refused(request, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        invalid = Problematic(422, "request.invalid", problems=problems_of(error.errors()))
        return _refused(request, invalid)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        rule = BARE.get(error.status_code, "http.other")
        bare = Problematic(error.status_code, rule, headers=error.headers, code=error.status_code)
        return _refused(request, bare)

    @app.exception_handler(StoreAway)
    async def _away(request: Request, _error: StoreAway) -> JSONResponse:
        away = Problematic(503, "store.away", action="retry", headers={"Retry-After": "2"})
        return answer(away, language_of(request.headers))

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, _error: Exception) -> JSONResponse:
        return answer(Problematic(500, "unforeseen", action="retry"), language_of(request.headers))


def _refused(request: Request, error: Problematic) -> JSONResponse:
    not_decided.tell(request, error.code, error.status)
    return answer(error, language_of(request.headers))


def language_of(headers: Mapping[str, str]) -> Language:
    """The language that a caller wants most of those there are (RFC 9110, 12.5.4); the first named of equal ones."""
    wanted: dict[str, float] = {}
    for one in headers.get("accept-language", "").split(","):
        name, _, weight = one.partition(";")
        wanted.setdefault(name.strip().lower().partition("-")[0], _quality(weight))
    others = wanted.pop("*", 0.0)
    choices: list[Language] = [*(one for one in wanted if one in LANGUAGES), DEFAULT]
    best = max(choices, key=lambda one: wanted.get(one, others))
    return best if wanted.get(best, others) else DEFAULT


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    try:
        return min(1.0, max(0.0, float(value))) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0


def answer(error: Problematic, language: Language = DEFAULT) -> JSONResponse:
    """The problem document of an error, in a language."""
    headers = {"Content-Language": language, "Vary": "Accept-Language", **(error.headers or {})}
    return JSONResponse(document(error, language), error.status, headers=headers, media_type=MEDIA_TYPE)


def document(error: Problematic, language: Language) -> dict[str, Any]:
    """The members of a problem document. A refusal that is made of several names each of them as `refusals`."""
    body = {
        "type": f"urn:lotsman:problem:{error.code}",
        "title": error.code,
        "status": error.status,
        "detail": error.refusal.said(language),
        "action": error.action,
        **error.extra,
    }
    if error.problems:
        body["problems"] = [told(one, language) for one in error.problems]
    if error.refusal.parts:
        body["refusals"] = [
            {"rule": one.rule, "status": one.status, "detail": one.said(language)} for one in error.refusal.parts
        ]
    return body


def told(one: Problem, language: Language) -> dict[str, Any]:
    """A problem whose `message` is in the asked language; one that came without Belarusian words has the Russian ones
    in their place, which its reader understands."""
    words = {"en": one.message, "ru": one.message_ru, "be": one.message_be or one.message_ru}
    beside = {f"message_{name}": words[name] for name in LANGUAGES}
    return {**one.model_dump(mode="json"), "message": words[language], **beside}
