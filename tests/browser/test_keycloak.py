"""Signing in through Keycloak itself, in a browser, on a whole running system: code flow with PKCE, refresh, sign-out.

Keycloak comes from Maven Central, with the realm that compose has. It works for a minute or two: `--soak`.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from contracts.topics import DESK
from deploy.local.home import ROOT
from deploy.local.ports import Ports, is_free
from deploy.local.stack import Stack, commands

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
VERSION: Final = "26.5.6"
FOLDER: Final = "LOTSMAN_KEYCLOAK"
"""Names a Keycloak that lies unpacked here; without it Maven fetches one (160 MB)."""
REALM: Final = ROOT / "deploy" / "keycloak" / "lotsman-realm.json"
PASSWORD: Final = "nobodys-secret"  # noqa: S105: people who do not exist
SHORT: Final = 25
"""Seconds that an access token lives here: less than what the desk renews one before its end, so each page asks."""
PATIENCE: Final = 240.0


def unpacked(folder: Path) -> Path:
    """A Keycloak of this test's own: it writes into its folder."""
    if found := os.environ.get(FOLDER):
        return Path(shutil.copytree(found, folder / "keycloak"))
    maven = shutil.which("mvn")
    if maven is None or shutil.which("java") is None:
        pytest.skip("Keycloak needs Java, and Maven to fetch it")
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
    artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
    subprocess.run([maven, "-q", "-B", plugin, artifact, f"-DoutputDirectory={folder}"], check=True)
    shutil.unpack_archive(folder / f"keycloak-quarkus-dist-{VERSION}.zip", folder)
    home = folder / f"keycloak-{VERSION}"
    (home / "bin" / "kc.sh").chmod(0o755)
    return home


@contextmanager
def keycloak(folder: Path, desk_url: str) -> Iterator[str]:
    """A running Keycloak with the realm of compose, whose access tokens end soon; the address of the realm."""
    home, port = unpacked(folder), next(one for one in range(18180, 18280) if is_free(one))
    realm = json.loads(REALM.read_text(encoding="utf-8")) | {"accessTokenLifespan": SHORT}
    imported = home / "data" / "import"
    imported.mkdir(parents=True)
    (imported / REALM.name).write_text(json.dumps(realm), encoding="utf-8")
    env = {**os.environ, "LOTSMAN_DESK_URL": desk_url, "LOTSMAN_KEYCLOAK_PASSWORD": PASSWORD}
    env["JAVA_OPTS_KC_HEAP"] = "-Xms64m -Xmx512m"
    command = [str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", "--http-host=127.0.0.1"]
    with (folder / "keycloak.log").open("wb") as log:
        running = subprocess.Popen([*command, f"--http-port={port}"], env=env, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/realms/lotsman"
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(url):
            assert running.poll() is None and time.monotonic() < deadline, (folder / "keycloak.log").read_text()[-3000:]
            time.sleep(0.5)
        yield url
    finally:
        running.terminate()
        running.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def system(folder: Path, ports: Ports, realm: str) -> Iterator[Stack]:
    """A whole system that takes the tokens of a realm, with the pages as they are run for real."""
    keys = folder / "keys.json"
    keys.write_text(httpx.get(f"{realm}/protocol/openid-connect/certs", trust_env=False).text, encoding="utf-8")
    env = {
        "LOTSMAN_JWKS": str(keys),
        "LOTSMAN_ISSUER": realm,
        "LOTSMAN_AUDIENCE": "lotsman",
        "LOTSMAN_DESK_PROVIDER": realm,
        "LOTSMAN_DESK_CLIENT_ID": "lotsman-desk",
    }
    services = {**commands(), DESK: [sys.executable, "-m", "services.desk"]}
    with Stack(folder / "stack", ports, services=services, extra_env=env) as stack:
        yield stack


def sign_in(page: Page, name: str) -> None:
    """At Keycloak's own page."""
    page.locator("#username").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.locator("#kc-login").click()


def test_an_operator_signs_in_through_keycloak_works_on_beyond_a_token_and_signs_out_there_too(
    context: BrowserContext, tmp_path_factory: pytest.TempPathFactory, reports: list[str]
) -> None:
    ports, folder = Ports.free(), tmp_path_factory.mktemp("kc")
    desk = f"http://127.0.0.1:{ports[DESK]}"
    with keycloak(folder, desk) as realm, system(folder, ports, realm):
        page = context.new_page()
        page.goto(f"{desk}/be/work?view=past")
        asked = parse_qs(urlsplit(page.url).query)
        assert page.url.startswith(realm) and asked["code_challenge_method"] == ["S256"] and asked["code_challenge"]
        sign_in(page, "olesya")
        page.wait_for_url(f"{desk}/be/work?view=past")
        expect(page.locator(".desk-header__person")).to_contain_text("Олеся Образцова")
        expect(page.locator("h1")).to_have_text("Праца")
        assert not [one for one in context.cookies(desk) if not one["httpOnly"]]
        begun = time.monotonic()
        while time.monotonic() < begun + SHORT + 10:  # beyond the end of the first token, page by page
            page.goto(f"{desk}/ru/board")
            expect(page.locator("h1")).to_have_text("Сроки")
        page.get_by_role("button", name="Выйти").click()
        page.wait_for_url(f"{realm}/**")
        expect(page.locator("#username")).to_be_visible()  # the session at Keycloak is over, too
        page.goto(f"{desk}/ru/work")
        expect(page.locator("#username")).to_be_visible()
        sign_in(page, "vera")
        page.wait_for_url(f"{desk}/ru/work")
        expect(page.locator(".desk-nav")).not_to_contain_text("Сроки")
    assert [one for one in reports if "favicon" not in one] == []
