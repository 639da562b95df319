"""`./lotsman ops redrive`: how many records go in one request, what is said in the end; `ops parked`, `ops repairs`."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.cli import ops
from deploy.cli.__main__ import main
from deploy.cli.reach import ACTOR
from deploy.complaint import Complaint

MANY = 7


class Parked:
    """A service with records of one cause, and what it was asked; time goes on where somebody sleeps."""

    def __init__(self) -> None:
        self.left = MANY
        self.follow = 0
        self.limits = list[int]()
        self.slept = list[float]()

    def asked(self, _service: str, _method: str, path: str, body: dict[str, Any], _who: str) -> dict[str, Any]:
        assert path == "/v1/parked/redrive"
        self.limits.append(body["limit"])
        some, first = min(self.left, body["limit"]), MANY - self.left
        ids = body["ids"][first : first + some] or [f"topic/0/{first + n}" for n in range(some)]
        self.left -= 0 if body["dry_run"] else some
        records = [{"id": one, "verdict": "went", "cause": None} for one in ids]
        further = "further" if self.left > 0 and not body["dry_run"] else None
        said = {"went": some, "dry_run": body["dry_run"], "records": records, "more": bool(further), "next": further}
        return said | {"followed": self.follow, "behind": [f"{ids[0]}{n}" for n in range(self.follow)]}


@pytest.fixture
def parked(monkeypatch: pytest.MonkeyPatch) -> Parked:
    found = Parked()
    monkeypatch.setattr(ops, "asked_as_ops", found.asked)
    monkeypatch.setattr("deploy.cli.ops.time.sleep", found.slept.append)
    monkeypatch.setattr("deploy.cli.ops.time.monotonic", lambda: 0.0)
    return found


@pytest.mark.parametrize(
    "what", [["--cause", "NewerVersion"], [f"topic/0/{n}" for n in range(MANY)]], ids=["a group", "named by their ids"]
)
@pytest.mark.parametrize(
    ("rate", "limits", "slept"),
    [("2", [2, 2, 2, 2], [1.0, 1.0, 1.0]), ("0.5", [1] * MANY, [2.0] * (MANY - 1)), ("1000", [100], [])],
)
def test_no_more_records_go_in_a_second_than_the_rate_says(
    rate: str,
    limits: list[int],
    slept: list[float],
    what: list[str],
    parked: Parked,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["ops", "redrive", "--service", "intake", *what, "--rate", rate, "--json"]) == 0
    assert (parked.limits, parked.slept) == (limits, slept)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["went"] == MANY


def test_what_followed_by_itself_is_told_and_counts_in_the_rate(
    parked: Parked, capsys: pytest.CaptureFixture[str]
) -> None:
    parked.follow = 3
    assert main(["ops", "redrive", "--service", "intake", "--cause", "NewerVersion", "--rate", "2", "--json"]) == 0
    assert parked.slept == [2.5] * 3, "two of each page and three behind them, two a second"
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["went"], told["followed"], len(told["records"])) == (MANY, 4 * 3, MANY + 4 * 3)
    parked.left = MANY
    assert main(["ops", "redrive", "--service", "intake", "--cause", "NewerVersion", "--dry-run"]) == 0
    assert "would follow by themselves" in capsys.readouterr().out


def test_what_waited_on_its_page_and_followed_behind_another_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [("t/0/2", "waits", []), ("t/0/1", "went", ["t/0/2", "t/0/3"]), ("t/0/3", "went", [])]

    def asked(_service: str, _method: str, _path: str, body: dict[str, Any], _who: str) -> dict[str, Any]:
        page = int(body.get("after") or 0)
        id_, verdict, behind = pages[page]
        following = str(page + 1) if page < 2 else None
        records = [{"id": id_, "verdict": verdict, "cause": None}]
        return {"records": records, "followed": len(behind), "behind": behind, "next": following}

    monkeypatch.setattr(ops, "asked_as_ops", asked)
    assert main(["ops", "redrive", "--service", "intake", "--cause", "x", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {one["id"]: one["verdict"] for one in told["records"]} == {
        "t/0/1": "went",
        "t/0/2": "followed",
        "t/0/3": "followed",
    }


class BadHead:
    """Five records of which the first two stay; stops answering at the third page if told so."""

    def __init__(self, stop: BaseException | None = None) -> None:
        self.stop, self.after = stop, list[str | None]()

    def asked(self, _service: str, _method: str, _path: str, body: dict[str, Any], _who: str) -> dict[str, Any]:
        first = int(body.get("after") or 0)
        if self.stop is not None and first >= 2:
            raise self.stop
        self.after.append(body.get("after"))
        last = min(5, first + body["limit"])
        verdicts = ["broken" if n < 2 else "went" for n in range(first, last)]
        records = [{"id": f"t/0/{first + n}", "verdict": one, "cause": None} for n, one in enumerate(verdicts)]
        return {"records": records, "followed": 0, "behind": [], "next": str(last) if last < 5 else None}


@pytest.mark.parametrize(("stop", "code"), [(None, 1), (KeyboardInterrupt(), 130), (Complaint("Intake is away."), 1)])
def test_records_at_the_head_that_stay_keep_no_others_from_going_and_what_was_done_is_told_also_when_it_stops(
    stop: BaseException | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = BadHead(stop)
    monkeypatch.setattr(ops, "asked_as_ops", service.asked)
    monkeypatch.setattr("deploy.cli.ops.time.sleep", lambda _seconds: None)
    assert main(["ops", "redrive", "--service", "intake", "--cause", "x", "--rate", "1", "--json"]) == code
    said = capsys.readouterr()
    told = json.loads(said.out.splitlines()[-1])
    assert service.after == ([None, "1", "2", "3", "4"] if stop is None else [None, "1"])
    assert (told["went"], len(told["records"])) == ((3, 5) if stop is None else (0, 2))
    assert "2 tried, 0 went" in said.err or stop is not None
    assert ("2 of 5 records stay parked" if stop is None else "Stopped behind 2 records, of which 0 went") in told[
        "error"
    ]


@pytest.mark.parametrize(("dry", "said"), [(["--dry-run"], "Nothing was fed."), ([], "may have gone.")])
def test_who_stops_it_before_the_first_answer_is_told_so(
    dry: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_asked: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(ops, "asked_as_ops", stopped)
    assert main(["ops", "redrive", "--service", "intake", "--cause", "x", *dry, "--json"]) == 130
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["error"].startswith("Stopped behind 0 records") and said in told["error"] and told["records"] == []
    assert main(["ops", "redrive", "--service", "intake", "--cause", "x", *dry]) == 130
    assert capsys.readouterr().out == "", "of what is parked nothing is known"


def test_what_is_shown_of_many_groups_says_how_much_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = {"status": "broken", "agency": "minzdrav", "topic": "t", "cause": "c", "records": 3, "oldest": ""}
    monkeypatch.setattr(ops, "asked_as_ops", lambda *_asked: {"items": [group], "records": 5})
    assert main(["ops", "parked"]) == 0
    assert "6 more records stand in smaller groups" in capsys.readouterr().out


@pytest.mark.parametrize("code", ["minzdrav", "-"])
def test_an_agency_is_asked_for_where_what_is_parked_is_shown_and_where_it_is_fed(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies, paths, by = list[dict[str, Any]](), list[str](), list[str]()

    def asked(
        _service: str, _method: str, path: str, body: dict[str, Any] | None = None, who: str = ""
    ) -> dict[str, Any]:
        by.append(who)
        paths.append(path)
        bodies.append(body or {})
        if body is not None:
            return {
                "records": [{"id": "t/0/1", "verdict": "went", "cause": None}],
                "followed": 0,
                "behind": [],
                "next": None,
            }
        group = {"status": "broken", "agency": None if code == "-" else code, "topic": "t", "cause": "c"}
        return {"items": [{**group, "records": 3, "oldest": ""}], "records": 3}

    monkeypatch.setattr(ops, "asked_as_ops", asked)
    assert main(["ops", "parked", "--agency", code, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {one["agency"] for one in told["groups"]} == {None if code == "-" else code}
    assert paths == [f"/v1/parked/groups?agency={code}"] * 3
    assert main(["ops", "redrive", "--service", "registry", "--agency", code, "--dry-run"]) == 0
    assert (bodies[-1]["agency"], bodies[-1]["dry_run"]) == (code, True)
    assert main(["ops", "redrive", "--service", "registry", "--agency", code, "--as", "u-7"]) == 0
    assert by[-2:] == [ACTOR, "u-7"]


@pytest.mark.parametrize(("parked_at", "code"), [(("intake", "registry"), 0), ((), 1)])
def test_one_record_is_shown_in_full_as_each_service_that_has_parked_it_tells_of_it(
    parked_at: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(service: str, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("GET", "/v1/parked/records/topic/0/7")
        if service not in parked_at:
            raise Complaint(f"{service} refused this (404): Not found.")
        return {"id": "topic/0/7", "trace": "0" * 32, "event": {"id": "demo-7"}}

    monkeypatch.setattr(ops, "asked_as_ops", asked)
    assert main(["ops", "parked", "topic/0/7", "--json"]) == code
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one["service"] for one in said.get("records", [])] == [*parked_at]
    assert bool(said.get("error")) == (not parked_at)


def test_what_waits_for_a_second_person_is_shown_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = {None: ("a", "r1"), "a": ("b", "r2"), "b": (None, "r3")}

    def asked(_service: str, _method: str, path: str) -> dict[str, Any]:
        said = parse_qs(urlsplit(path).query)
        assert said["state"] == ["proposed", "declined"]
        after, id_ = pages[said.get("after", [None])[0]]
        return {"items": [dict.fromkeys(ops.REPAIR, "") | {"id": id_}], "next": after}

    monkeypatch.setattr(ops, "asked_as_ops", asked)
    states = [word for one in ("proposed", "declined") for word in ("--state", one)]
    assert main(["ops", "repairs", "--service", "intake", *states, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one["id"] for one in told["items"]] == ["r1", "r2", "r3"]
