"""Every answer of a service's app that a test asks for is held to the service's OpenAPI document, whatever test asks.

The status must be one of the operation's, and the body what stands there for it, with no field that is not there: so a
lie in a document turns a test red, and so does an answer that says more than its document.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import httpx
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from contracts.topics import SERVICES
from deploy.docs import openapi

SERVICE: Final = re.compile(rf"Lotsman ({'|'.join(SERVICES)})")
FREE: Final = frozenset({405, 501})
"""What any address answers to a method that it does not have."""
Operation = tuple[str, str, str]
"""A service, a path as its document has it, and a method."""


class Documented(httpx.ASGITransport):
    """The transport of all tests that speak to an app in this process."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the app, which must be as it is documented."""
        answer = await super().handle_async_request(request)
        title = SERVICE.fullmatch(self.app.title) if isinstance(self.app, FastAPI) else None
        if title is not None:
            await answer.aread()
            held(title[1], request, answer)
        return answer


def over_the_network(urls: Mapping[str, str]) -> Callable[[httpx.Response], None]:
    """A hook of a client that speaks to running services, by their addresses: each answer must be as it is documented.
    Who asks until an answer has changed has the same one looked at once."""
    seen = set[tuple[str, str, int, int]]()
    services = {httpx.URL(url).netloc: name for name, url in urls.items()}

    def look(answer: httpx.Response) -> None:
        answer.read()
        request, service = answer.request, services.get(answer.request.url.netloc)
        known = (request.method, f"{service}{request.url.path}", answer.status_code, hash(answer.content))
        if service is not None and known not in seen:
            seen.add(known)
            held(service, request, answer)

    return look


def held(service: str, request: httpx.Request, answer: httpx.Response) -> None:
    """Fails with what an answer says otherwise than its document."""
    faults = list(lies(service, request, answer))
    assert not faults, f"{request.method} {request.url.path} {answer.status_code}: {faults[:3]} in {answer.text[:2000]}"


def lies(service: str, request: httpx.Request, answer: httpx.Response) -> Iterator[str]:
    """What an answer has that its document has not."""
    operation = _operation(service, request.method.lower(), request.url.path)
    if operation is None or answer.status_code in FREE:
        return
    responses = document_of(service)["paths"][operation[1]][operation[2]]["responses"]
    said = responses.get(str(answer.status_code))
    if said is None:
        yield f"no such status: {', '.join(responses)}"
        return
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if not answer.content:
        return
    if kind not in said.get("content", {}):
        yield f"no such content: {kind}"
    elif kind.endswith("json"):
        for error in _judge(operation, str(answer.status_code), kind).iter_errors(json.loads(answer.content)):
            deepest = best_match([error]) or error  # where one of several forms will do: what the nearest one lacks
            yield f"{deepest.json_path}: {deepest.message[:300]}"


def _operation(service: str, method: str, path: str) -> Operation | None:
    for form, methods in document_of(service)["paths"].items():
        if method in methods and _matches(form, path):
            return service, form, method
    return None


@cache
def document_of(service: str) -> dict[str, Any]:
    """A service's document, made once in a process, for that takes seconds. Nobody changes it."""
    return openapi(service)


@cache
def _form(form: str) -> re.Pattern[str]:
    last = re.sub(r"\\\{event_id\\\}$", ".+", re.escape(form))
    return re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", last))


def _matches(form: str, path: str) -> bool:
    return _form(form).fullmatch(path) is not None


@cache
def _judge(operation: Operation, status: str, kind: str) -> Draft202012Validator:
    service, form, method = operation
    schema = document_of(service)["paths"][form][method]["responses"][status]["content"][kind].get("schema", {})
    return Draft202012Validator({**schema, "components": _components(service)})


@cache
def _components(service: str) -> Any:
    """What all answers of a service refer to: made once, for it is large and there are more than a thousand judges."""
    return closed(document_of(service)["components"])


def closed(part: Any) -> Any:
    """A part of a document in which objects have no other fields than it names, unless it says that they may."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: closed(one) for name, one in part.items()}
    named = isinstance(part.get("properties"), dict) and part.get("type") == "object"
    return {"additionalProperties": False, **found} if named else found
