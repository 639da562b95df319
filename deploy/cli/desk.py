"""The hands that the demo and the tests have: HTTP in any role, Kafka with an agency's user."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
from rich.console import Console
from rich.markup import escape

from deploy.complaint import Complaint
from deploy.local.stack import Stack
from deploy.login import Login
from deploy.service import why

TRIES: Final = 5
"""How often a command is tried again on a newer revision."""
PATIENCE: Final = 60.0
"""Seconds that one step of the demo may take, on a busy machine, before it is called failed."""


@dataclass(frozen=True)
class Desk:
    """The demo's hands: HTTP with a role's token, Kafka with an agency's user, and somewhere to show results."""

    stack: Stack
    console: Console
    http: httpx.Client
    logins: dict[str, Login]

    def call(
        self,
        method: str,
        service: str,
        path: str,
        role: str,
        *,
        org: str | None = None,
        sub: str | None = None,
        body: object = None,
        etag: str | None = None,
    ) -> httpx.Response:
        """One request in a role; commands get an Idempotency-Key of their own."""
        headers = {"Authorization": f"Bearer {self.stack.token([role], org, sub)}"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if etag is not None:
            headers["If-Match"] = etag
        return self.http.request(method, f"{self.stack.urls[service]}{path}", json=body, headers=headers)

    def ask(
        self,
        service: str,
        path: str,
        role: str,
        good: Callable[[httpx.Response], bool],
        within: float = PATIENCE,
    ) -> httpx.Response:
        """Reads until the answer is good. Raises Complaint after so many seconds."""
        deadline = time.monotonic() + within
        while True:
            answer = self.call("GET", service, path, role)
            if good(answer):
                return answer
            if time.monotonic() > deadline:
                raise Complaint(f"{service} {path} did not get there: {answer.status_code} {answer.text[:300]}")
            time.sleep(0.05)

    def attempt(
        self, service: str, path: str, role: str, body: object, etag: str, sub: str | None = None
    ) -> httpx.Response:
        """One command, whatever is answered.

        What other services say may move the revision between the look and the command: then it is tried on the new one.
        """
        answer = self.call("POST", service, path, role, body=body, etag=etag, sub=sub)
        for _ in range(TRIES):
            if answer.status_code != 412:
                break
            answer = self.call("POST", service, path, role, body=body, etag=answer.headers["ETag"], sub=sub)
        return answer

    def do(self, service: str, path: str, role: str, body: object, etag: str, sub: str | None = None) -> str:
        """One command that must succeed; the new ETag. Raises Complaint if it is refused."""
        answer = self.attempt(service, path, role, body, etag, sub)
        if answer.is_error:
            raise Complaint(f"{service} refused {path}: {why(answer)}")
        self.say(f"{role}: POST {path.rsplit('/', 1)[-1]}")
        return answer.headers["ETag"]

    def say(self, text: str) -> None:
        """One line of progress."""
        self.console.print(f"  [dim]·[/dim] {escape(text)}", soft_wrap=True)
