"""A caching proxy before the public register: the lines of docs/desk.md as they stand there, in a real nginx. What it
keeps is the same for everybody, is of one language and one address, and is gone when it is over."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from services.registry.domain.stages import Stage
from tests.kit.desk.open_register import Open, opened
from tests.kit.registry.rows import FULL, about, row

NGINX: Final = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(NGINX is None, reason="needs Debian's nginx; nothing of the system does"),
]
WITHIN: Final = 10.0
LINES: Final = Path("docs/desk.md").read_text(encoding="utf-8")
AROUND: Final = """
{user}
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{lines}
}}
"""
WAYS: Final = (
    "/register",
    "/register/find?q=мост",
    "/register/p-1",
    "/register/money",
    "/register/data",
    "/register/feed",
)


@pytest.fixture(scope="module")
def register(mongo_url: str) -> Iterator[Open]:
    with opened(mongo_url, public_age=2) as found:
        found.put([row(f"p-{n}", FULL, number=f"ПП-{n}", application=about(f"мост {n}")) for n in range(1, 30)])
        yield found


@pytest.fixture(scope="module")
def cache(register: Open, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Somebody who reads through the proxy."""
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines = re.search(r"```nginx\n(.*?)```", LINES, re.DOTALL)
    assert lines is not None, "docs/desk.md has the lines"
    own = (
        lines[1]
        .replace("http://desk.internal:8100", register.url)
        .replace("/var/cache/nginx/register", f"{folder}/kept")
    )
    user = "" if os.getuid() else "user root root;"
    own = re.sub(r"listen [^;]+;", f"listen 127.0.0.1:{port};", own)
    (folder / "nginx.conf").write_text(AROUND.format(user=user, folder=folder, lines=own), encoding="utf-8")
    assert NGINX is not None
    running = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            until = time.monotonic() + WITHIN
            while True:
                try:
                    client.get("/static/nothing/nothing")
                    break
                except httpx.ConnectError:
                    assert running.poll() is None and time.monotonic() < until, (folder / "error.log").read_text()
            yield client
    finally:
        running.terminate()
        running.wait(WITHIN)


def test_pages_come_from_the_cache_in_their_language_and_packed_as_asked(register: Open, cache: httpx.Client) -> None:
    for way in WAYS:
        said = {}
        for language in ("ru", "be", "en"):
            first = cache.get(f"/{language}{way}", headers={"Accept-Language": "be"})
            begun = len(register.asked)
            bare = cache.get(f"/{language}{way}", headers={"Accept-Language": "en", "Accept-Encoding": "identity"})
            other = cache.get(f"/{language}{way}", headers={"Cookie": "lotsman_8100=somebody", "HX-Request": "true"})
            assert (first.status_code, other.headers["x-cache"]) == (200, "HIT"), (way, dict(other.headers))
            assert first.content == bare.content == other.content and "set-cookie" not in other.headers
            assert "content-encoding" not in bare.headers
            assert len(register.asked) - begun <= 12, "at most the bare one was asked for"
            known = cache.get(f"/{language}{way}", headers={"If-None-Match": first.headers["etag"]})
            assert (known.status_code, known.content) == (304, b""), way
            said[language] = first.text
        assert len({*said.values()}) == 3
    assert cache.get("/register", headers={"Accept-Language": "be"}).headers["location"] == "/be/register"
    assert cache.get("/register", headers={"Accept-Language": "en"}).headers["location"] == "/en/register"
    assert cache.get("/", headers={"Accept-Language": "en"}).headers["location"] == "/en/register"


def test_what_is_for_one_reader_or_is_no_answer_is_kept_by_nobody(register: Open, cache: httpx.Client) -> None:
    for way in (
        "/ru/work",
        "/ru/sign-in",
        "/ru/register/no-such",
        "/ru/register/p-1?as_of=2001-01-01",
        "/public/v1/none",
    ):
        for _ in range(2):
            answer = cache.get(way)
            assert answer.headers.get("x-cache", "") != "HIT", way
            assert "public" not in answer.headers.get("cache-control", ""), way
    files = [cache.get("/public/v1/search.csv?sort=entered") for _ in range(2)]
    assert files[0].content == files[1].content and "x-cache" not in files[1].headers, "files pass through"
    answers = [cache.get("/public/v1/search?q=мост", headers={"Accept-Language": one}) for one in ("ru", "en")]
    assert answers[1].headers["x-cache"] == "HIT" and answers[0].json() == answers[1].json()


def test_what_ceases_to_be_public_is_gone_when_its_time_is_over_and_what_has_not_changed_is_not_sent_again(
    register: Open, cache: httpx.Client
) -> None:
    assert cache.get("/ru/register/p-29").status_code == 200
    assert "ПП-29" in cache.get("/ru/register/find?q=ПП-29").text
    same = cache.get("/ru/register/p-2")
    register.put(
        [row("p-29", FULL, number="ПП-29", application=about("мост 29"), stage=Stage.EXPERTISE, conclusions=())]
    )
    until = time.monotonic() + WITHIN
    while cache.get("/ru/register/p-29").status_code != 404:
        assert time.monotonic() < until, "two seconds are over"
        time.sleep(0.1)
    while "row-p-29" in cache.get("/ru/register/find?q=ПП-29").text:
        assert time.monotonic() < until
        time.sleep(0.1)
    while (again := cache.get("/ru/register/p-2")).headers["x-cache"] == "HIT":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert again.headers["x-cache"] in ("REVALIDATED", "EXPIRED") and again.content == same.content


def test_a_register_that_is_away_is_said_and_not_kept(register: Open, cache: httpx.Client) -> None:
    register.away = True
    try:
        answer = cache.get("/ru/register/find?q=никогда")
        assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
    finally:
        register.away = False
    assert cache.get("/ru/register/find?q=никогда").status_code == 200
