"""Every check of the project's own text finds a fault that is planted, and passes what is sound."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from deploy.checks import dead, duplicates, lengths, matches, purity, twins, words
from deploy.checks.exceptions import FILE, Exceptions
from deploy.checks.parsing import parsed
from deploy.cli.quality import CHECKS
from deploy.local.home import ROOT

SOUND = """\
["pilot.unknown"]
ru = "Нет такого пилотного проекта."
be = "Няма такога пілотнага праекта."
en = "There is no such pilot."
["commission.too-small"]
ru = "В комиссии {have} человек, нужно не меньше {least}."
be = "У камісіі {have} чалавек, патрэбна не менш за {least}."
en = "The commission has {have} members; at least {least} are needed."
"""
REFUSES = """
    from services.law.decision import Refusal

    def refuse(have):
        if have:
            raise Refusal("commission.too-small", status=422, have=have, least=9)
        raise Refusal("pilot.unknown", status=404)
"""


def planted(root: Path, **files: str) -> Path:
    """A project with these files: `services__law__x` stands for services/law/x.py."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def spoken(root: Path, code: str, said: str = SOUND) -> list[str]:
    """What the check of words finds in a service with this code."""
    folder = root / "contracts" / "words"
    folder.mkdir(parents=True)
    (folder / "law.toml").write_text(said, encoding="utf-8")
    return words.findings(planted(root, services__registry__domain__x=code))


# ---- words


def test_ids_with_words_and_words_with_an_id_are_sound(tmp_path: Path) -> None:
    assert spoken(tmp_path, REFUSES) == []


def test_an_id_without_words_is_found(tmp_path: Path) -> None:
    [found] = spoken(tmp_path, REFUSES.replace("pilot.unknown", "pilot.gone"), SOUND.split('["comm')[0])[1:2]
    assert found == "services/registry/domain/x.py:7: pilot.gone has no words in contracts/words"


def test_words_without_an_id_are_found(tmp_path: Path) -> None:
    more = SOUND + '["nobody.says"]\nru = "Да."\nbe = "Так."\nen = "Yes."\n'
    assert spoken(tmp_path, REFUSES, more) == ["contracts/words: no code says nobody.says"]


def test_an_id_that_only_a_docstring_names_is_said_by_no_code(tmp_path: Path) -> None:
    code = REFUSES.replace('raise Refusal("pilot.unknown", status=404)', "return None")
    code = code.replace("def refuse(have):", 'def refuse(have):\n        """pilot.unknown"""')
    assert spoken(tmp_path, code) == ["contracts/words: no code says pilot.unknown"]


@pytest.mark.parametrize(
    "made",
    ['f"pilot.{have}"', '"pilot." + have', "str(have)", "TABLE[have] + '.x'", "have.name"],
)
def test_an_id_that_the_text_does_not_tell_is_found(tmp_path: Path, made: str) -> None:
    found = spoken(
        tmp_path, REFUSES + f"\n    def other(pilot):\n        have = pilot\n        raise Refusal({made})\n"
    )
    assert len(found) == 1 and found[0].endswith("is no rule id that can be told from the text")


@pytest.mark.parametrize(
    "made",
    [
        '"pilot.gone" if have else "pilot.unknown"',
        "KNOWN[have]",
        'KNOWN.get(have, "pilot.unknown")',
        "GONE",
        "later",
        "refusal.rule",
    ],
)
def test_an_id_is_told_by_a_choice_a_mapping_a_constant_or_a_refusal_at_hand(tmp_path: Path, made: str) -> None:
    code = f"""
    from services.law.decision import Refusal
    KNOWN: Final = {{"a": "pilot.gone"}}
    GONE = "pilot.gone"
    SAID = ("pilot.unknown", "commission.too-small")

    def refuse(have, refusal):
        later = "pilot.gone"
        raise Refusal({made})
    """
    found = spoken(tmp_path, code)
    gone = [one for one in found if one.endswith("x.py:9: pilot.gone has no words in contracts/words")]
    assert found == gone and len(gone) == (made != "refusal.rule")


def test_a_function_that_hands_an_id_on_is_asked_by_its_callers(tmp_path: Path) -> None:
    code = (
        REFUSES
        + """
    class Body:
        def __init__(self, status, rule, **values):
            raise Refusal(rule, status=status, **values)

    def worse(text, rule="pilot.unknown"):
        Body(400, rule)

    def called():
        worse("", "pilot.gone")
        worse("", rule="pilot.away")
        Body(400, "commission.too-small", have=3, least=9)
        Body(400, "commission.too-small", have=3)
    """
    )
    where = "services/registry/domain/x.py"
    assert spoken(tmp_path, code) == [
        f"{where}:17: pilot.gone has no words in contracts/words",
        f"{where}:18: pilot.away has no words in contracts/words",
        f"{where}:20: the words of commission.too-small need least",
    ]


def test_values_that_a_call_does_not_give_are_found(tmp_path: Path) -> None:
    found = spoken(tmp_path, REFUSES.replace(", least=9", ""))
    assert found == ["services/registry/domain/x.py:6: the words of commission.too-small need least"]


def test_what_one_language_says_otherwise_is_found(tmp_path: Path) -> None:
    said = SOUND.replace("{have} чалавек", "{haves} чалавек").replace("Няма такога", "Нет такого")
    assert spoken(tmp_path, REFUSES, said) == [
        "contracts/words: commission.too-small has other values in one language than in another"
    ]
    foreign = SOUND.replace("Няма такога пілотнага праекта", "Нет такого пилотного проекта")
    assert spoken(tmp_path / "other", REFUSES, foreign) == [
        "contracts/words: pilot.unknown: these are no letters of be"
    ]


def test_words_in_two_languages_are_found(tmp_path: Path) -> None:
    said = SOUND.replace('be = "Няма такога пілотнага праекта."\n', "")
    assert spoken(tmp_path, REFUSES, said) == ["contracts/words: pilot.unknown has no words in be"]


def test_words_for_kinds_of_faults_that_pydantic_does_not_know_are_found(tmp_path: Path) -> None:
    three = 'ru = "Да."\nbe = "Так."\nen = "Yes."\n'
    more = f'{SOUND}["schema.string-too-long"]\n{three}["schema.string-too-wide"]\n{three}'
    assert spoken(tmp_path, REFUSES, more) == ["contracts/words: no code says schema.string-too-wide"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("str(gone)", True),
        ("repr(gone)", True),
        ('f"it broke: {gone}"', True),
        ("gone.args", True),
        ("str(error)", True),
        ("error.strerror", True),
        ('[f"{one}{gone}" for one in have]', True),
        ("gone.status", False),
        ("error.errno", False),
        ("known.detail", False),
        ("str(have)", False),
        ('f"{have}"', False),
    ],
)
def test_what_an_exception_says_is_no_value_of_words(tmp_path: Path, value: str, found: bool) -> None:
    code = f"""
    from services.law.decision import Refusal

    def refuse(have, error: OSError, known: Known):
        if known:
            raise Refusal("commission.too-small", have=have, least=9)
        try:
            known()
        except ValueError as gone:
            raise Refusal("pilot.unknown", why={value})
    """
    wrong = [f"services/registry/domain/x.py:10: {value} is what an exception says, and no value of words"]
    assert [one.replace('"', "'") for one in spoken(tmp_path, code)] == [
        one.replace('"', "'") for one in (wrong if found else [])
    ]


def test_an_exception_is_no_value_of_a_problem_either_but_may_be_read_for_all_its_problems(tmp_path: Path) -> None:
    code = """
    from contracts.words import problem
    from services.law.decision import Refusal

    def refuse(have):
        try:
            have()
        except ValueError as error:
            found = problem("/x", "commission.too-small", have=str(error), least=9)
            raise Refusal("pilot.unknown", problems=[found, *of(str(error))])
    """
    assert spoken(tmp_path, code) == [
        "services/registry/domain/x.py:9: str(error) is what an exception says, and no value of words"
    ]


SAYS = '''
    """What stands here is read by developers alone."""
    from services.law.decision import Refusal
    WAITING = "waiting for the applicant"
    KINDS = {"first": "первичная", "code": "two words", "header": "first-of-all"}

    def refuse(have):
        """So is what stands here."""
        assert have, "there is something to have"
        log.info("somebody has asked for %s", have)
        if have == 1:
            raise ValueError("this is for developers alone")
        if have == 2:
            raise Refusal("commission.too-small", have="not quite enough people", least=9)
        if have == 3:
            raise Refusal("pilot.unknown")
        return Fact(why=f"totals: {have} and {have} of {have}", of=Query(description="Which of them it is"))
'''


def test_sentences_in_code_are_found_but_not_what_developers_read(tmp_path: Path) -> None:
    said = {
        4: "waiting for the applicant",
        5: "первичная",
        14: "not quite enough people",
        17: "totals: {} and {} of {}",
    }
    assert spoken(tmp_path, SAYS) == [
        f"services/registry/domain/x.py:{line}: {text!r} has its place in contracts/words"
        for line, text in said.items()
    ]


def test_sentences_are_looked_for_where_somebody_may_read_them_and_may_be_excepted(tmp_path: Path) -> None:
    said = 'SAID = "Nobody reads this here"\n'
    root = planted(tmp_path, services__law__x=said, services__intake__api__x=said, services__expertise__mail__x=said)
    planted(root, services__chassis__store=said, deploy__x=said, bench__x=said)
    assert [one.split(":")[0] for one in words.findings(root)] == [
        "services/law/x.py",
        "services/intake/api/x.py",
        "services/expertise/mail/x.py",
    ]
    excepted(root, "words", "services/*.py Nobody reads*")
    assert words.findings(root) == []
    planted(root, services__law__x="", services__intake__api__x="", services__expertise__mail__x="")
    assert words.findings(root) == [f"{FILE}: words: nothing needs 'services/*.py Nobody reads*' any more"]


# ---- copies

COPY = """
    def judged(members, votes):
        seats = len(members)
        present = sum(1 for one in members if one.here)
        if present < seats // 2:
            raise ValueError("too few")
        if votes.in_favour + votes.against > present:
            raise ValueError("too many")
        share = votes.in_favour / present
        if share > 0.5:
            return "effective"
        if share == 0.5:
            return "chair"
        elsewhere = [one for one in members if not one.here]
        return elsewhere or None
"""


def test_a_copy_in_another_service_is_found_also_with_other_names(tmp_path: Path) -> None:
    other = COPY.replace("members", "experts").replace("share", "part").replace('"effective"', '"positive"')
    root = planted(tmp_path, services__intake__x=COPY, services__registry__y=other)
    [found] = duplicates.findings(root)
    assert found == "services/intake/x.py:2 and services/registry/y.py:2: 14 lines are alike"


def test_what_is_short_or_within_one_service_or_excepted_is_no_copy(tmp_path: Path) -> None:
    short = "\n".join(COPY.splitlines()[:13]) + "\n"
    root = planted(tmp_path / "short", services__intake__x=short, services__registry__y=short)
    assert duplicates.findings(root) == []
    root = planted(tmp_path / "one", services__intake__x=COPY, services__intake__y=COPY)
    assert duplicates.findings(root) == []
    root = planted(tmp_path / "two", services__intake__x=COPY, services__registry__y=COPY)
    excepted(root, "duplicates", "services/intake/x.py services/registry/y.py")
    assert duplicates.findings(root) == []


# ---- length


def test_a_long_file_that_does_not_say_why_is_found(tmp_path: Path) -> None:
    long, longer = "x = 1\n" * 401, "x = 1\n" * 701
    excuse = '"""The list of all events; it is one thing."""\n'
    planted(tmp_path, services__a=long, tests__b=longer, services__c=excuse + long, tests__d=long)
    assert [one.split(",")[0] for one in lengths.findings(tmp_path)] == [
        "services/a.py: 401 lines",
        "tests/b.py: 701 lines",
    ]


@pytest.mark.parametrize("name", ["rules/a.toml", "docs/a.md", "a.sh", "ci.yml"])
def test_a_long_file_is_found_whatever_its_language(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("# x\n" * 401, encoding="utf-8")
    (tmp_path / ".lotsman").mkdir()
    (tmp_path / ".lotsman" / "downloaded.md").write_text("# x\n" * 401, encoding="utf-8")
    assert lengths.findings(tmp_path) == [f"{name}: 401 lines, at most 400, or its head says why it is one thing"]
    path.write_text("# one thing\n" + "# x\n" * 401, encoding="utf-8")
    assert lengths.findings(tmp_path) == []


# ---- purity


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("from datetime import datetime\nNOW = datetime.now()", "2: call datetime.datetime.now"),
        ("import datetime\ndatetime.datetime.utcnow()", "2: call datetime.datetime.utcnow"),
        ("from datetime import date as day\nday.today()", "2: call datetime.date.today"),
        ("import time", "1: import time"),
        ("from random import choice", "1: import random"),
        ("import secrets", "1: import secrets"),
        ("from os import environ", "1: import os"),
        ("from uuid import uuid4\nuuid4()", "2: call uuid.uuid4"),
        ("import uuid\nuuid.uuid1()", "2: call uuid.uuid1"),
        ("open('x')", "1: call open"),
        ("def f(path):\n    return path.read_text()", "2: call path.read_text"),
        ("import httpx", "1: import httpx"),
        ("from services.chassis.store import Store", "1: import services.chassis.store"),
        ("from services.registry.domain import terms", "1: import services.registry.domain"),
        ("from services.intake import queries", "1: import services.intake"),
        ("SEEN = {}\ndef f(x):\n    SEEN[x] = 1", "3: global SEEN"),
        ("SEEN: list[int] = []\ndef f(x):\n    SEEN.append(x)", "3: global SEEN"),
        ("SEEN = set[str]()\ndef f(x):\n    SEEN.add(x)", "3: global SEEN"),
        ("LAST = None\ndef f(x):\n    global LAST\n    LAST = x", "3: global LAST"),
    ],
)
def test_a_domain_that_is_not_pure_is_found(code: str, what: str, tmp_path: Path) -> None:
    root = planted(tmp_path, services__intake__domain__x=code)
    assert purity.findings(root) == [f"services/intake/domain/x.py:{what}"]
    excepted(root, "purity", f"services/intake/domain/x.py {what.partition(': ')[2]}")
    assert purity.findings(root) == []


def test_what_only_computes_is_pure_and_other_rooms_may_do_more(tmp_path: Path) -> None:
    pure = """
    import hashlib
    from datetime import date, datetime
    from uuid import NAMESPACE_URL, uuid5
    from contracts.event import Fact
    from services.intake.domain import terms
    from services.law.decision import Refusal

    TABLE = {"a": 1}
    OWN = uuid5(NAMESPACE_URL, "urn:x")

    def decide(decision, found):
        found.append(TABLE["a"])
        terms.TABLE.extend(decision)
        return decision.today, decision.now, datetime.fromisoformat("2026-03-02"), date(2026, 3, 2)
    """
    doing = "import time\ntime.sleep(1)"
    root = planted(tmp_path, services__intake__domain__x=pure, services__chassis__x=doing, services__intake__api=doing)
    assert purity.findings(root) == []


# ---- open matches


def test_a_match_over_commands_or_facts_that_is_left_open_is_found(tmp_path: Path) -> None:
    closed = """
    def decide(command):
        match command:
            case Claim() | Tick():
                return 1
            case _:
                assert_never(command)

    def shown(value):
        match value:
            case str():
                return value
            case [first, *_]:
                return first
    """
    left = """
    def evolve(state, fact):
        match fact:
            case contracts.ClaimedV1() as fact:
                return fact
            case _:
                return state

    def more(command):
        match command:
            case Claim(who) if who:
                return 1
    """
    planted(tmp_path, services__closed=closed, services__left=left)
    assert matches.findings(tmp_path) == [
        f"services/left.py:{line}: this match must end in assert_never" for line in (3, 10)
    ]
    assert matches.findings(ROOT) == []


# ---- twins

TWINS = """
    from dataclasses import dataclass

    from pydantic import BaseModel

    class Step(BaseModel):
        who: str
        when: int
        why: str

    class Recorded(Step):
        at: int

    class Other(BaseModel):
        who: int
        when: int
        why: str

    @dataclass
    class Copied:
        who: str
        when: int
        why: str
"""


def test_a_class_that_declares_the_fields_of_another_is_found_until_it_is_named_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tmp_path, some_house____init__="", some_house__rooms=TWINS)
    monkeypatch.syspath_prepend(tmp_path)
    rooms, step, copied = ("some_house",), "some_house.rooms.Step", "some_house.rooms.Copied"
    assert twins.findings(tmp_path, rooms) == [f"{step} and {copied} both declare when, who, why"]
    excepted(tmp_path, "twins", f"{step} {copied}")
    assert twins.findings(tmp_path, rooms) == []
    excepted(tmp_path, "twins", f"{step} some_house.rooms.Other")
    assert len(twins.findings(tmp_path, rooms)) == 2, "a pair that is none is a fault, too"


# ---- dead code


def test_code_that_nothing_calls_is_found_also_when_tests_call_it(tmp_path: Path) -> None:
    code = """
    def used():
        return 1

    def unused():
        return used()
    """
    root = planted(tmp_path, services__x=code, tests__test_x="from services.x import unused\nunused()\n")
    [found] = dead.findings(root)
    assert found.startswith("services/x.py:5: unused function 'unused'")
    excepted(root, "dead", "services/x.py function unused")
    assert dead.findings(root) == []


# ---- exceptions


def excepted(root: Path, check: str, what: str, reason: str = "A test.") -> None:
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[[{check}]]\nwhat = ["{what}"]\nreason = "{reason}"\n', encoding="utf-8")


def test_an_exception_that_nothing_needs_is_found(tmp_path: Path) -> None:
    excepted(tmp_path, "duplicates", "services/*")
    (tmp_path / "services").mkdir()
    assert duplicates.findings(tmp_path) == [f"{FILE}: duplicates: nothing needs 'services/*' any more"]


def test_an_exception_has_a_reason(tmp_path: Path) -> None:
    excepted(tmp_path, "dead", "x", reason="")
    with pytest.raises(ValueError, match="no reason"):
        Exceptions.of(tmp_path, "dead")


# ---- the verb


def test_every_check_of_this_folder_runs_with_the_verb() -> None:
    own = {words[-1] for words in CHECKS.values() if "deploy.checks" in words}
    folder = Path(duplicates.__file__).parent
    has = {path.stem for path in folder.glob("*.py") if "def findings(" in path.read_text(encoding="utf-8")}
    assert own == has


def test_what_a_package_imports_from_itself_is_known_by_its_whole_name(tmp_path: Path) -> None:
    path = tmp_path / "contracts" / "rules" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text("from .event import Fact\nfrom .. import words\nfrom ..text import line\nimport re\n")
    assert ast.unparse(parsed(tmp_path, path)).splitlines() == [
        "from contracts.rules.event import Fact",
        "from contracts import words",
        "from contracts.text import line",
        "import re",
    ]
