"""A receiver of webhooks on this machine, as an agency may have one: it checks signatures with the public library."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


class Receiver:
    """What came, each with its path and id, in order. `answers` says the status for a path and a message."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.secrets: dict[str, str] = {}
        self.came: list[tuple[str, str, Any]] = []
        self.answers: Callable[[str, Any], int] = lambda _path, _message: 204
        self._guard = threading.Lock()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """The status for what came; 401 where its signature is not the hook's."""
        message = Webhook(self.secrets[path]).verify(body, headers)
        with self._guard:
            self.came.append((path, headers["webhook-id"], message))
        return self.answers(path, message)

    def of(self, path: str, pilot: str) -> list[str]:
        """What came there of a pilot: outcomes of receipts, types of changes."""
        told = [one for at, _, one in list(self.came) if at == path]
        mine = [one for one in told if pilot in (one["data"].get("pilot"), one["data"].get("subject"))]
        return [one["data"].get("outcome") or one["type"] for one in mine]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        """Hands over what is posted."""

        def do_POST(self) -> None:
            """Answers with the receiver's status."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status = receiver.take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            except Exception as error:  # the test sees that nothing was taken
                status, said = 401, json.dumps({"error": type(error).__name__}).encode()
            else:
                said = b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
