"""The files of the pages: read once, compressed once, and kept by browsers for as long as they are the same.

Each is named with its digest, so that a new one has a new name; nothing is built.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

FOLDER: Final = Path(__file__).with_name("static")
FOR_GOOD: Final = "public, max-age=31536000, immutable"
SERVED: Final = {".css", ".js", ".svg"}


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent."""

    content: bytes
    packed: bytes
    media: str
    digest: str


@cache
def files() -> Mapping[str, File]:
    """All of them by their paths."""
    found = sorted(path for path in FOLDER.rglob("*") if path.suffix in SERVED)
    return {path.relative_to(FOLDER).as_posix(): _file(path) for path in found}


def address(name: str) -> str:
    """The address of a file as pages name it."""
    return f"/static/{files()[name].digest[:12]}/{name}"


async def serve(request: Request) -> Response:
    """A file by the address that pages have; one of an older page is answered with what there is now."""
    found = files().get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    headers = {"ETag": f'"{found.digest}"', "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    headers["Cache-Control"] = FOR_GOOD if request.path_params["digest"] == found.digest[:12] else "no-cache"
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(found.packed, media_type=found.media, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media, headers=headers)


def _file(path: Path) -> File:
    content = path.read_bytes()
    media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(content, gzip.compress(content, 9, mtime=0), media, hashlib.sha256(content).hexdigest())
