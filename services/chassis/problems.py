"""Errors as `application/problem+json` (RFC 9457): what is wrong, everything that is wrong, and whether to retry."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from contracts.event import json_pointer
from contracts.reference import Problem
from services.chassis.store import StoreAway

MEDIA_TYPE: Final = "application/problem+json"


class Problematic(HTTPException):
    """A request that is answered with a problem. `action` tells the caller to `fix` it or to `retry` it as it is."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        action: str = "fix",
        problems: Sequence[Problem] = (),
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.status, self.code, self.action = status, code, action
        self.problems, self.extra = tuple(problems), extra or {}


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""

    @app.exception_handler(Problematic)
    async def _problematic(_request: Request, error: Problematic) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            Problem(
                pointer=json_pointer(e["loc"]),
                rule=f"schema.{e['type'].replace('_', '-')}",
                message=str(e["msg"]),
                message_ru="Значение не соответствует схеме.",
            )
            for e in error.errors()
        ]
        return answer(Problematic(422, "request.invalid", "The request does not fit the schema.", problems=problems))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        return answer(Problematic(error.status_code, f"http.{error.status_code}", str(error.detail), headers=headers))

    @app.exception_handler(StoreAway)
    async def _away(_request: Request, _error: StoreAway) -> JSONResponse:
        return answer(
            Problematic(
                503,
                "store.away",
                "The database cannot be reached; nothing is known to be stored. Send the same again.",
                action="retry",
                headers={"Retry-After": "2"},
            )
        )

    @app.exception_handler(Exception)
    async def _unforeseen(_request: Request, _error: Exception) -> JSONResponse:
        return answer(Problematic(500, "unforeseen", "This failed here; the operators can see why.", action="retry"))


def answer(error: Problematic) -> JSONResponse:
    """The problem document of an error."""
    body = {
        "type": f"urn:lotsman:problem:{error.code}",
        "title": error.code,
        "status": error.status,
        "detail": error.detail,
        "action": error.action,
        **error.extra,
    }
    if error.problems:
        body["problems"] = [p.model_dump(mode="json") for p in error.problems]
    return JSONResponse(body, error.status, headers=error.headers, media_type=MEDIA_TYPE)
