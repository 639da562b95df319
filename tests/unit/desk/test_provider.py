"""Signing in at an OpenID Connect provider that runs beside the test: code flow with PKCE, refresh, sign-out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import httpx

from services.chassis.auth import Keys
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.desk.app import make_pages
from services.desk.clients import Clients
from services.desk.process import make_desk
from services.desk.provider import make_door
from services.desk.settings import DeskSettings
from services.desk.visit import Desk
from tests.kit.desk.bench import URL
from tests.kit.desk.identity import AUDIENCE, CLIENT, Identity, provided
from tests.kit.desk.memory import Memory
from tests.kit.desk.services import Services


@asynccontextmanager
async def at(identity: Identity, folder: Path) -> AsyncIterator[tuple[Desk, httpx.AsyncClient, list[httpx.Request]]]:
    own = DeskSettings(url=URL, provider=identity.url, client_id=CLIENT)
    settings = Settings(
        jwks=identity.jwks(folder),
        issuer=identity.url,
        audience=AUDIENCE,
        roles_claim="realm.roles",
        organisation_claim="unit",
    )
    store, services, asked = cast(Store, Memory()), Services(many=2), list[httpx.Request]()

    def heard(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return services(request)

    door, way_in = make_door(own, settings, store, Keys.of(settings))
    desk = make_desk(own, store, Clients.of(own, httpx.MockTransport(heard)), door)
    app = make_pages(desk, way_in)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as browser:
        yield desk, browser, asked


async def sign_in(browser: httpx.AsyncClient) -> httpx.Response:
    """From the first page to the provider and back."""
    away = await browser.get("/ru/sign-in?then=/work%3Fview%3Dmine")
    async with httpx.AsyncClient(trust_env=False) as provider:
        back = await provider.get(away.headers["location"])
    return await browser.get(back.headers["location"])


async def test_somebody_signs_in_works_on_after_the_token_has_ended_and_signs_out(tmp_path: Path) -> None:
    with provided() as identity:
        identity.life = 25  # it is renewed before every request
        async with at(identity, tmp_path) as (desk, browser, asked):
            answer = await sign_in(browser)
            assert (answer.status_code, answer.headers["location"]) == (303, "/ru/work?view=mine")
            cookie = browser.cookies[desk.cookie]
            page = (await browser.get("/ru/work")).text
            assert "Ольга Пробная" in page and identity.exchanged == ["authorization_code", "refresh_token"]
            assert len({one.headers["authorization"] for one in asked}) == 1
            session = await desk.sessions.find(cookie)
            assert session is not None
            assert (session.who.person, session.who.roles, session.who.organisation) == ("op-77", ("operator",), "op")
            token = page.split('name="form_token" value="')[1].split('"')[0].replace("&#34;", '"')
            out = await browser.post("/ru/sign-out", data={"form_token": token})
            leads = urlsplit(out.headers["refresh"].partition("url=")[2])
            assert leads.path == "/leave" and parse_qs(leads.query)["client_id"] == [CLIENT]
            assert await desk.sessions.find(cookie) is None
            assert (await browser.get("/ru/work")).status_code == 303


async def test_nobody_comes_in_by_what_the_provider_did_not_say_to_this_browser(tmp_path: Path) -> None:
    with provided() as identity:
        async with at(identity, tmp_path) as (desk, browser, _):
            away = await browser.get("/ru/sign-in")
            asked = parse_qs(urlsplit(away.headers["location"]).query)
            assert asked["code_challenge_method"] == ["S256"] and asked["redirect_uri"] == [f"{URL}/signed-in"]
            state = asked["state"][0]
            assert (await browser.get("/signed-in?state=other&code=x")).status_code == 403
            assert (await browser.get(f"/signed-in?state={state}&code=made-up")).status_code == 403
            async with httpx.AsyncClient(trust_env=False) as provider:
                back = await provider.get((await browser.get("/ru/sign-in")).headers["location"])
            browser.cookies.clear()  # the address is opened in another browser
            assert (await browser.get(back.headers["location"])).status_code == 403
            identity.claims = {"realm": {"roles": "operator"}}
            assert (await sign_in(browser)).status_code == 403
            assert not any(name.startswith(desk.cookie) and "before" not in name for name in browser.cookies)


async def test_a_provider_that_takes_a_refresh_token_no_more_has_people_sign_in_again(tmp_path: Path) -> None:
    with provided() as identity:
        identity.life = 25
        async with at(identity, tmp_path) as (_, browser, asked):
            await sign_in(browser)
            identity.refreshes.clear()
            assert (await browser.get("/ru/work")).headers["location"].startswith("/ru/sign-in")
            assert not asked


async def test_a_provider_that_is_away_and_one_that_is_not_set_are_told(tmp_path: Path) -> None:
    with provided() as identity:
        pass
    async with at(identity, tmp_path) as (_, browser, _asked):
        assert (await browser.get("/en/sign-in")).status_code == 503
    identity.url = ""
    async with at(identity, tmp_path) as (_, browser, _asked):
        answer = await browser.get("/en/sign-in")
        assert answer.status_code == 503 and "LOTSMAN_DESK_PROVIDER" in answer.text
