"""What a problem document says, and in which language: the one that was asked for, with all three beside it."""

import asyncio
import json
from datetime import date
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException

from contracts.reference import Problem
from contracts.words import LANGUAGES, say, schema_problems, wordings
from services.chassis.auth import Keys
from services.chassis.problems import BARE, Problematic, document, language_of, refused
from services.chassis.public import OpenDoor
from services.chassis.settings import Settings
from services.chassis.web import make_bare_app
from services.law.decision import Refusal, together
from services.law.exporting import Format

SUM = Problem(pointer="/shares", rule="shares.sum", message="Sum.", message_ru="Сумма.", message_be="Сума.")
OLD = Problem(pointer="", rule="of.old", message="Old.", message_ru="Старое.")


class Sent(BaseModel):
    """A body with a field of every kind that can be wrong."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=3, max_length=5)
    kind: Literal["a", "b", "c"]
    count: int = Field(ge=1, le=9)
    day: date
    moment: AwareDatetime
    rows: Annotated[list[int], Field(max_length=1)]


def app() -> FastAPI:
    made = make_bare_app("test", Keys("", "", ""), {}, Settings())
    made.add_middleware(OpenDoor, settings=Settings(public_limit="1/minute"))

    @made.get("/missing")
    async def missing() -> None:
        raise Problematic(404, "not-found", problems=[SUM, OLD])

    @made.get("/joined")
    async def joined() -> None:
        def shares() -> None:
            raise Refusal("subject.twice", status=422, problems=[SUM])

        def roles() -> None:
            raise Refusal("auth.role", status=403, roles=["officer", "auditor"])

        try:
            together(shares, roles)
        except Refusal as refusal:
            raise refused(refusal) from refusal

    @made.get("/refused/{status}")
    async def refused_by_the_framework(status: int) -> None:
        raise HTTPException(status, "There was an error parsing the body")

    @made.post("/sent")
    async def sent(body: Sent) -> None:
        assert body

    return made


def ask(method: str, path: str, language: str | None = None, **more: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=APP, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            headers = {} if language is None else {"Accept-Language": language}
            return await client.request(method, path, headers=headers, **more)

    return asyncio.run(once())


APP = app()


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("", "en"),
        ("ru", "ru"),
        ("be-BY", "be"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en;q=0.2, be ;q=0.8, ru;q=0.5", "be"),
        ("fr, de;q=0.9, RU;q=0.1", "ru"),
        ("fr", "en"),
        ("*", "en"),
        ("ru;q=0.5, *", "en"),
        ("ru;q=0", "en"),
        ("ru;q=x, be;q=0.1", "be"),
        ("en, ru", "en"),
        ("ru, en", "ru"),
        (";;,q=,;q=nan", "en"),
    ],
)
def test_the_language_is_the_one_that_is_wanted_most(asked: str, answered: str) -> None:
    assert language_of({"accept-language": asked}) == answered


def test_without_the_header_a_problem_is_said_in_english_as_before() -> None:
    answer = ask("get", "/missing")
    assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("en", "Accept-Language")
    assert answer.json()["detail"] == say("not-found", "en")


@pytest.mark.parametrize(("language", "first", "second"), [("ru", "Сумма.", "Старое."), ("be", "Сума.", "Старое.")])
def test_a_problem_is_said_in_the_asked_language_with_all_three_beside(language: Any, first: str, second: str) -> None:
    answer = ask("get", "/missing", language)
    body = answer.json()
    assert (answer.headers["Content-Language"], answer.headers["Vary"]) == (language, "Accept-Language")
    assert (body["title"], body["type"]) == ("not-found", "urn:lotsman:problem:not-found")
    assert body["detail"] == say("not-found", language)
    assert [one["message"] for one in body["problems"]] == [first, second]
    assert [one["message_en"] for one in body["problems"]] == ["Sum.", "Old."]
    assert all(one["message_ru"] and one["message_be"] for one in body["problems"])


def test_refusals_that_are_joined_lose_neither_their_words_nor_their_rules_nor_their_problems() -> None:
    body = ask("get", "/joined", "be").json()
    first, second = say("subject.twice", "be"), say("auth.role", "be", {"roles": ["officer", "auditor"]})
    assert (body["status"], body["title"], body["detail"]) == (422, "subject.twice", f"{first} {second}")
    assert body["refusals"] == [
        {"rule": "subject.twice", "status": 422, "detail": first},
        {"rule": "auth.role", "status": 403, "detail": second},
    ]
    assert [one["message"] for one in body["problems"]] == ["Сума.", second]


def test_a_value_of_a_rule_may_have_any_name() -> None:
    values: dict[str, Any] = {"why": "d", "detail": "x", "action": "a"}
    assert document(refused(Refusal("auth.invalid", **values)), "en")["detail"] == "The token or key is not valid: d."


def test_what_does_not_fit_the_schema_is_said_in_words_of_its_kind_with_its_bounds() -> None:
    wrong = {"text": "ab", "kind": "z", "count": 0, "day": "x", "moment": "2026-01-01T00:00:00", "rows": [1, 2], "o": 1}
    told = {one["pointer"]: one for one in ask("post", "/sent", "ru", json=wrong).json()["problems"]}
    said = {place: (one["rule"], one["message"]) for place, one in told.items()}
    assert said == {
        "/body/text": ("schema.string-too-short", "Значение слишком короткое: знаков нужно не меньше 3."),
        "/body/kind": ("schema.literal-error", "Это значение здесь не допускается. Допустимо: 'a', 'b', 'c'."),
        "/body/count": ("schema.greater-than-equal", "Число слишком мало: должно быть не меньше 1."),
        "/body/day": ("schema.date-from-datetime-parsing", "Здесь должна быть дата, например 2026-11-21."),
        "/body/moment": (
            "schema.timezone-aware",
            "Во времени должен быть указан часовой пояс: Z или, например, +03:00.",
        ),
        "/body/rows": ("schema.too-long", "Элементов слишком много: может быть не больше 1, сейчас 2."),
        "/body/o": ("schema.extra-forbidden", wordings()["schema.extra-forbidden"].ru),
    }
    assert all(one["message_be"] not in (one["message_ru"], one["message_en"]) for one in told.values())


@pytest.mark.parametrize("kind", [Literal[Format.CSV, Format.CSV_SEMICOLON], Literal["csv", "csv-semicolon"]])
def test_codes_that_are_allowed_are_named_as_they_are_sent_whatever_the_program_calls_them(kind: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python("pdf")
    [one] = schema_problems(caught.value)
    assert one.message == "This value is not allowed here. Allowed: 'csv', 'csv-semicolon'."


def test_what_the_framework_refuses_is_said_in_the_asked_language_too() -> None:
    for answer, rule in ((ask("get", "/nowhere", "ru"), "http.404"), (ask("put", "/sent", "ru"), "http.405")):
        assert (answer.json()["title"], answer.json()["detail"]) == (rule, say(rule, "ru"))
        assert answer.headers["Content-Language"] == "ru"


@pytest.mark.parametrize("status", [*BARE, 418, 507])
def test_no_sentence_of_the_framework_reaches_who_asks(status: int) -> None:
    for language in LANGUAGES:
        body = ask("get", f"/refused/{status}", language).json()
        rule = f"http.{status}" if status in BARE else "http.other"
        assert (body["status"], body["title"], body["detail"]) == (status, rule, say(rule, language, {"code": status}))
        assert "parsing" not in json.dumps(body)


def test_a_fault_of_a_kind_without_words_of_its_own_is_told_without_the_sentence_of_the_library() -> None:
    def wrong(_value: object) -> str:
        raise PydanticCustomError("never_seen", "Something in one language")

    with pytest.raises(ValidationError) as raised:
        TypeAdapter(Annotated[str, BeforeValidator(wrong)]).validate_python("x")
    [told] = schema_problems(raised.value)
    assert (told.rule, told.message_ru) == ("schema.never-seen", say("schema.invalid", "ru"))
    assert told.message == say("schema.invalid", "en") and "language" not in told.model_dump_json()


def test_what_is_open_to_all_refuses_in_the_asked_language_and_no_cache_keeps_it() -> None:
    wrong = ask("post", "/public/v1/pilots", "be")
    assert wrong.json()["detail"] == say("method.not-allowed", "be")
    ask("get", "/public/v1/pilots")
    often = ask("get", "/public/v1/pilots", "ru")
    assert (often.status_code, often.json()["detail"]) == (
        429,
        "С одного адреса можно спросить не больше 1 раз за 60 с.",
    )
    for answer in (wrong, often):
        assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept-Language")


def test_a_problem_document_is_plain_json() -> None:
    error = Problematic(412, "revision.gone", extra={"version": 2, "etag": '"7"'}, problems=[SUM])
    assert json.loads(json.dumps(document(error, "ru")))["etag"] == '"7"'
