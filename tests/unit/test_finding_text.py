"""Words: stems, Belarusian, numbers, and that nothing which a person types can break a search."""

import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.reference import SectorShare
from deploy.samples.common import NOW, party
from deploy.samples.registry import cost
from services.chassis.problems import Problematic
from services.registry import views
from services.registry.domain.stages import Stage
from services.registry.finding import questions, text, writing
from services.registry.finding.entries import FACETS, Order, entry, make_schema
from services.registry.finding.index import Index
from services.registry.finding.questions import Asked, Hits
from tests.effort import examples
from tests.kit.registry.rows import FULL, about, row


def shelf(**titles: str) -> Index:
    """An index of pilots that differ in their titles."""
    return filled(row(id_, application=about(title)) for id_, title in titles.items())


def filled(rows: Iterable[dict[str, Any]]) -> Index:
    index = Index()
    index.put(entry(views.internal(one)) for one in rows)
    index.commit()
    return index


def found(index: Index, words: str | None, order: Order = "relevance", **filters: Sequence[str]) -> set[str]:
    asked = Asked(words, filters)  # type: ignore[arg-type]
    return set(questions.search(index, asked, order, None, 50).ids)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Цифровые школы области", "цифровая школа"),
        ("Учёт пациентов", "учет пациента"),
        ("Recognition of scanned images", "image recognitions"),
        ("Система распознавания images", "распознавание image"),
        ("Запись в поликлинике", "ЗАПИСЬ, поликлиника!"),
        ("Сеть \ufb01лиалов", "филиалов"),
        ("Сеть филиалов", "\ufb01лиалов"),
        ("Гра\ufb01к", "график"),
        ("Classi\ufb01ed ﬂow", "classified flow"),
    ],
)
def test_russian_and_english_are_found_in_any_form(title: str, words: str) -> None:
    assert found(shelf(this=title, other="Нечто иное"), words) == {"this"}


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Лячэнне хворых у бальніцы", "лячэнні бальніца"),
        ("Электронны подпіс", "подпісы"),
        ("Сям'я і дзеці", "сям’і"),
        ("Кіраванне рухам", "кіравання"),
        ("Школьны аўтобус", "аўтобуса"),
        ("Медыцынская картка", "медыцынскай картцы"),
        ("Медыцынскія карткі", "медыцынская картак"),
        ("Аб’яднаны рэестр", "аб’яднанага рэестра"),
        ("Паслуга ў сетцы", "паслузе сетка"),
        ("Газета горада", "газеце гарадоў"),
        ("Вёска", "вёсцы"),
        ("Участак дарогі", "участкаў дарозе"),
        ("Сувязь", "сувяззю"),
        ("Хуткасць", "хуткасцю"),
        ("Тэхніка", "тэхніцы"),
        ("Дзяржава", "дзяржавы"),
        ("Інфармацыя грамадзян", "інфармацыяй грамадзянін"),
    ],
)
def test_belarusian_is_found_in_any_form_and_spelling(title: str, words: str) -> None:
    assert found(shelf(this=title, other="Нешта іншае"), words) == {"this"}
    if len(words.split()) == len(title.split()):
        assert found(shelf(this=words, other="Нешта іншае"), title) == {"this"}


def test_a_number_or_a_foreign_word_in_a_belarusian_title_hides_no_form() -> None:
    for title in ("Медыцынская картка зкиж", "Медыцынская картка ПИ-12", "Медыцынская картка для Щучына"):
        assert found(shelf(this=title), "медыцынскай картцы") == {"this"}, title


def test_a_short_russian_draft_is_compared_with_long_russian_texts() -> None:
    long = about("Школа чтецов", problem="Учителям и ученикам трудно читать длинные тексты.")
    index = filled([row("p", application=long), *(row(f"n{n}", application=about(f"Иное {n}")) for n in range(9))])
    draft = {"title": "Школы чтецов", "application": {}}
    assert [id_ for id_, _ in questions.similar(index, draft, 5)] == ["p"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Медицинская информационная система", "медицинских информационных систем"),
        ("Реестр проблем", "реестры проблемы"),
        ("Режим работы", "режима работ"),
        ("Приём заявок", "приёмом заявки"),
        ("Диплом", "дипломы"),
        ("Закупка карточек", "закупок карточки"),
        ("Участок", "участка"),
        ("Аудит", "аудита"),
        ("Обмен данными", "обменом данных"),
        ("Зямля", "зямель"),
    ],
)
def test_a_noun_that_ends_as_verbs_do_is_found_in_any_form(one: str, other: str) -> None:
    assert found(shelf(this=one, other="Нечто иное"), other) == {"this"}
    assert found(shelf(this=other, other="Нечто иное"), one) == {"this"}


@pytest.mark.parametrize(("title", "words"), [("Порт", "парка"), ("Картка", "карта"), ("Медыцынская", "медыцына")])
def test_another_word_with_the_same_beginning_is_not_a_form(title: str, words: str) -> None:
    assert found(shelf(this=title), words) == set()


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Элек\u00adтронная запись", "электронная"),
        ("Электро\u200bнная\u200d запись\ufeff", "электронная запись"),
        ("За\u0301мок культуры", "замок"),
        ("З\u00e1мок культуры", "замок"),
        ("Cистема оповещения", "система"),
        ("Система оповещения", "cиcтeмa"),
        ("Обмен с 1C", "1С"),
        ("Обмен с 1С", "1c"),
        ("Рассылка CMC", "СМС"),
        ("ЗН-2026\u201315 проект", "ЗН-2026-15"),
        ("Оffice для школ", "office"),
        ("E\ufb03cient o\ufb03ce", "efficient office"),
        ("\uff28\uff45\uff41\uff4c\uff54\uff48 care", "health"),
        ("Учёт берёз", "учет берез"),
        ("Учет берез", "учёт берёз"),
        ("Уче\u0308т и\u0306ода", "учёт йода"),
        ("Сям\u02bcя і дзеці", "сям'я"),
        ("Умная\u00a0остановка", "умная остановка"),
        ("Кафе № 12", "кафе №12"),
        ("Café numérique", "cafe"),
        ("i\u0307stanbul", "Istanbul"),
    ],
    ids=ascii,
)
def test_what_looks_the_same_is_the_same(title: str, words: str) -> None:
    assert found(shelf(this=title, other="Нечто иное"), words) == {"this"}


@pytest.mark.parametrize(("title", "words"), [("Йод", "иод"), ("ABC", "абв"), ("Pay by web", "веб")])
def test_what_looks_different_is_not_the_same(title: str, words: str) -> None:
    assert found(shelf(this=title), words) == set()


UNSEEN = "\u00ad\u200b\u200d\u2060\ufeff\u0301\u202e\ufe0f"


@given(st.text("абвгдеёжзийклмнопрстуўіфхцчшщъыьэюяabcxyz 12-'", max_size=40), st.integers(0, 2**32))
@examples(200)
def test_no_unseen_character_composition_or_capital_changes_what_is_indexed(said: str, seed: int) -> None:
    dice = random.Random(seed)
    sprinkled = "".join(one + dice.choice(["", "", *UNSEEN]) if one.isalpha() else one for one in said)
    for form in (sprinkled, unicodedata.normalize("NFD", said), unicodedata.normalize("NFKC", said), said.upper()):
        assert writing.normalised(form) == writing.normalised(said), ascii(form)


@given(st.text(max_size=200))
@examples(200)
def test_any_text_is_indexed_with_single_spaces_and_compared(said: str) -> None:
    one_form = writing.normalised(said)
    assert "  " not in one_form
    assert one_form == one_form.lower()
    text.indexed([said])
    assert set(text.surfaces([said])) >= {stem for stem in text.likeness([said]) if stem.isascii() and len(stem) > 60}


@pytest.mark.parametrize("words", ["что где когда", "и", "ў", "для всех", "the what"])
def test_common_words_alone_find_the_titles_that_have_them(words: str) -> None:
    index = shelf(all="Что, где, когда: и для всех, the what ў", none="Запись врачу")
    assert found(index, words) == {"all"}


def test_common_words_beside_others_weigh_and_are_not_wanted() -> None:
    index = shelf(without="Запись врачу", exact="Запись к врачу", other="Путь к реке")
    for words in ("запись к врачу", "запись для врача"):
        assert found(index, words) == {"without", "exact"}
    assert questions.search(index, Asked("запись к врачу"), "relevance", None, 9).ids[0] == "exact"


def test_a_beginning_with_an_asterisk_is_found_in_any_language() -> None:
    index = shelf(one="Телемедицинские услуги", two="Telemetry of bridges")
    assert found(index, "телемед*") == {"one"}
    assert found(index, "telem*") == {"two"}
    assert found(index, "телемед") == set()


def test_all_words_are_wanted_wherever_they_stand() -> None:
    index = filled([row("p", application=about("Запись к врачу", problem="Очереди в больнице"))])
    assert found(index, "запись больница") == {"p"}
    assert found(index, "запись аэропорт") == set()


@pytest.mark.parametrize(
    "number", ["ПП-2026-000123", "пп-2026-000123", "790000001", "УНП 790000001", "УНП: 790000001", "BY-UNP:790000001"]
)
def test_numbers_are_found_exactly(number: str) -> None:
    near = row("near", number="ПП-2026-000124", application=about("Б", initiator=party("790000011", "ООО «Иное»")))
    assert found(filled([row("this", number="ПП-2026-000123", application=about("А")), near]), number) == {"this"}


def test_organisations_are_found_by_name() -> None:
    index = filled([row("p", application=about("А", customer=party("1", "Гомельский водоканал")))])
    assert found(index, "гомельского водоканала") == {"p"}


def test_the_title_weighs_more_than_the_text() -> None:
    index = filled(
        [
            row("text", application=about("Иное", problem="про телемедицину")),
            row("title", application=about("Телемедицина", problem="про иное")),
        ]
    )
    assert questions.search(index, Asked("телемедицина"), "relevance", None, 9).ids == ("title", "text")


NASTY = ['"', "title:", "AND", "a AND OR", "(((", "*", "***", "[a TO b]", "^2", "~", "\\", "\x00", "-", "+", "и", "§"]
NASTY += ["a" * 5000, "слово " * 500, "\ud800".encode("utf-8", "replace").decode(), "🙂", "1" * 300, "№", "УНП", "a*b*"]
WORDS = shelf(this="Запись к врачу")


@pytest.mark.parametrize("typed", NASTY)
def test_nothing_that_is_typed_is_a_query_language(typed: str) -> None:
    assert found(WORDS, typed) <= {"this"}


@given(st.text(max_size=400))
@examples(300)
def test_whatever_is_typed_is_answered(typed: str) -> None:
    assert len(text.words_of(typed)) <= text.MOST_WORDS
    assert found(WORDS, typed) <= {"this"}


@given(st.lists(st.sampled_from(["запись", "врачу", "и", "очередь"]), max_size=5))
def test_words_of_a_title_find_it_in_any_order(some: list[str]) -> None:
    wanted = {"this"} if some and set(some) - {"и"} <= {"запись", "врачу"} and set(some) != {"и"} else set()
    assert found(WORDS, " ".join(some)) - (set() if some else {"this"}) == wanted


# ---- facets and filters

SECTORS, REGIONS = ("health", "energy", "trade"), ("minsk", "brest", None)
SOURCES = ("republican-budget", "own-money", "local-innovation-fund", "unspecified")
STAGES = (Stage.COUNCIL, Stage.EXPERTISE, Stage.RUNNING, Stage.STOPPED_EARLY)


def truth(n: int) -> dict[str, list[str]]:
    """The values that the pilot of this number has for each facet."""
    region = REGIONS[n % 3]
    return {
        "sector": [SECTORS[n % 3], SECTORS[(n + 1) % 3]] if n % 5 == 0 else [SECTORS[n % 3]],
        "stage": [STAGES[n % 4]],
        "region": [region] if region else [],
        "agency": [f"agency-{n % 7}"],
        "source": sorted({SOURCES[n % 4], SOURCES[n % 3]}),
        "year": [str(2024 + n % 3)],
        "office": [f"office-{SECTORS[n % 3]}"] if n % 2 else [],
        "flag": [],
    }


def made(n: int) -> dict[str, Any]:
    """That pilot."""
    said = truth(n)
    points = (6000, 4000) if len(said["sector"]) == 2 else ()
    return row(
        f"p{n}",
        agency=said["agency"][0],
        stage=Stage(said["stage"][0]),
        entered=NOW.replace(year=int(said["year"][0])),
        application=about(
            "Запись",
            sector=said["sector"][0],
            territory="Брестская область",
            region=said["region"][0] if said["region"] else None,
            office=said["office"][0] if said["office"] else None,
            costs=tuple(cost(100 + n, source) for source in said["source"]),
            sector_shares=tuple(
                SectorShare(sector=sector, basis_points=one)
                for sector, one in zip(said["sector"], points, strict=False)
            ),
        ),
    )


ROWS = [made(n) for n in range(48)]
MANY = filled(ROWS)
OUTSIDE = Index()
OUTSIDE.put(entry(views.public(one)) for one in ROWS if views.is_public(one))
OUTSIDE.commit()


def counts(facet: dict[str, Any]) -> dict[str, int]:
    return {one["value"]: one["count"] for one in facet["values"]}


@pytest.mark.parametrize(
    "filters",
    [
        {},
        *({name: [truth(7)[name][0]]} for name in FACETS if truth(7)[name]),
        {"flag": ["overpaid"]},
        {"agency": ["agency-1", "agency-2"]},
        {"region": ["minsk"], "source": ["own-money"], "year": ["2024", "2025"]},
        {"office": ["office-energy"], "stage": ["council", "running"]},
        {"sector": ["health", "trade"], "source": ["unspecified"]},
        {"region": ["Брестская область"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("public", [False, True], ids=["inside", "outside"])
def test_search_and_every_facet_count_what_the_pilots_say(filters: dict[str, list[str]], public: bool) -> None:
    index = OUTSIDE if public else MANY
    fit = [
        n
        for n in range(len(ROWS))
        if (not public or views.is_public(ROWS[n]))
        and all(set(values) & set(truth(n)[name]) for name, values in filters.items())
    ]
    assert found(index, "запись", "relevance", **filters) == found(index, None, "entered", **filters)
    assert found(index, None, "amount", **filters) == {f"p{n}" for n in fit}
    facets, count = questions.facets(index, Asked("запись", filters))  # type: ignore[arg-type]
    assert count == len(fit)
    for name in FACETS:
        assert counts(facets[name]) == Counter(value for n in fit for value in truth(n)[name]), name


def test_every_facet_is_a_field_and_can_be_filtered_by() -> None:
    for name in FACETS:
        assert found(MANY, None, "entered", **{name: ["nothing-of-the-kind"]}) == set()
    assert make_schema() is not None


def test_a_pilot_counts_once_for_each_sector_and_money_source_that_it_has_as_agreed_inside_and_outside() -> None:
    for view in (views.internal, views.public):
        index = Index()
        index.put([entry(view(row("p", FULL)))])
        index.commit()
        facets, count = questions.facets(index, Asked())
        assert count == 1
        assert counts(facets["source"]) == {"local-budget": 1, "own-money": 1, "republican-budget": 1}
        assert counts(facets["sector"]) == {"education": 1, "health": 1}
        assert counts(facets["region"]) == {"minsk": 1}, "as agreed, no more as applied for"
        assert counts(facets["office"]) == {"office-health": 1}
        assert counts(facets["flag"]) == ({"overpaid": 1} if view is views.internal else {}), "kept in the house"


def test_money_is_sorted_by_what_was_planned_whatever_was_committed_or_paid_since() -> None:
    small = FULL.model_copy(update={"application": about("Запись", costs=(cost(5, "own-money"),))})
    middle = row("middle", application=about("Запись", costs=(cost(50_000, "own-money"),)))
    index = filled([row("full", FULL), row("small", small), middle, row("none", application=about("Запись"))])
    assert questions.search(index, Asked(), "amount", None, 9).ids == ("full", "middle", "small", "none")


# ---- pages


def walked(index: Index, asked: Asked, order: Order, size: int, between: Any = None) -> list[str]:
    ids: list[str] = []
    after: Sequence[Any] | None = None
    for _ in range(1000):
        hits: Hits = questions.search(index, asked, order, after, size)
        ids += hits.ids
        if hits.next is None:
            return ids
        after = list(hits.next)
        if between is not None:
            between()
    raise AssertionError("the pages never end")


@given(
    keys=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    size=st.integers(1, 7),
    order=st.sampled_from(["entered", "due", "amount", "relevance"]),
)
@examples(60)
def test_pages_show_every_hit_once_however_many_are_equal(keys: list[int], size: int, order: Order) -> None:
    index = filled(
        row(f"p{n}", entered=NOW.replace(minute=key), application=about("Запись " * (key + 1)))
        for n, key in enumerate(keys)
    )
    ids = walked(index, Asked("запись"), order, size)
    assert sorted(ids) == sorted(f"p{n}" for n in range(len(keys)))
    if order == "entered":
        told = [keys[int(id_[1:])] for id_ in ids]
        assert told == sorted(told, reverse=True)


def test_pages_by_a_key_neither_repeat_nor_miss_while_commits_come_in_between() -> None:
    rows = [row(f"p{n}", entered=NOW.replace(minute=n % 5), application=about("Запись")) for n in range(60)]
    index, more = filled(rows), iter(range(1000))

    def meanwhile() -> None:
        n = next(more)
        index.put([entry(views.internal(row(f"new{n}", application=about("Запись"))))])
        index.put([entry(views.internal(rows[(7 * n) % 60]))])
        index.commit()

    ids = walked(index, Asked("запись"), "entered", 7, meanwhile)
    old = [id_ for id_ in ids if id_.startswith("p")]
    assert sorted(old) == sorted(one["_id"] for one in rows)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "cursor", [["entered", 1], ["due", 1, 2], ["entered", "1", 2], ["entered", 2**70, 2], ["entered", None, None]]
)
def test_a_cursor_of_another_order_is_refused(cursor: list[Any]) -> None:
    with pytest.raises(Problematic, match="not given out"):
        questions.search(MANY, Asked(), "entered", cursor, 5)
    with pytest.raises(Problematic, match="not given out"):
        questions.search(MANY, Asked("запись"), "relevance", cursor, 5)


# ---- similar


def test_the_nearest_pilots_share_telling_words_and_say_which() -> None:
    rows = [
        row("tele", application=about("Телемедицинские консультации в сельской местности", sector="health")),
        row("same", application=about("Консультации врачей: телемедицина для сельской больницы", sector="health")),
        row("bus", application=about("Электронные билеты в автобусах", sector="transport")),
        *(row(f"n{n}", application=about(f"Нечто обычное номер{n}", sector="energy")) for n in range(20)),
    ]
    index = filled(rows)
    mine = views.internal(rows[0])
    near = questions.similar(index, mine, 5)
    assert [id_ for id_, _ in near] == ["same"]
    common = questions.in_common(questions.telling(questions.Among(index), mine), mine, views.internal(rows[1]))
    assert {"консультации", "сельской"} <= set(common["words"])
    assert (common["sector"], len(common["organisations"])) == ("health", 3)


@pytest.mark.parametrize("many", [16, 57, 300])
def test_a_word_that_most_pilots_have_is_compared_too_and_weighs_little(many: int) -> None:
    rows = [row(f"p{n}", application=about("Система")) for n in range(many)]
    index = filled([*rows, row("other", application=about("Иное"))])
    assert len(questions.similar(index, {"title": "Система", "application": {}}, 50)) == min(many, 50)
    index = filled([*rows, row("near", application=about("Система оповещения жителей"))])
    for title in ("Система", "Система неведомая", "Система оповещения", "Оповещение жителей"):
        hits = questions.similar(index, {"title": title, "application": {}}, 9)
        if "повещени" in title:
            assert [id_ for id_, _ in hits] == ["near"], title
        else:
            assert len(hits) == 9, title


def test_the_work_for_similar_pilots_is_bounded_and_begins_with_the_rarest_words() -> None:
    known = {"rare": 10, "often": 400_000, "common": 900_000, "seldom": 300, "most": 990_000}
    assert questions._affordable(list(known), known) == ["rare", "often", "seldom"]
    assert questions._affordable(["common", "most"], known) == ["common", "most"], "two words are always compared"


def test_belarusian_pilots_are_compared_by_the_stems_of_their_words() -> None:
    rows = [
        row("one", application=about("Медыцынская картка ў бальніцы")),
        row("two", application=about("Карткі медыцынскія для бальніц")),
        *(row(f"n{n}", application=about(f"Нешта іншае {n}")) for n in range(20)),
    ]
    index, mine = filled(rows), views.internal(rows[0])
    near = questions.similar(index, mine, 5)
    assert [id_ for id_, _ in near] == ["two"]
    common = questions.in_common(questions.telling(questions.Among(index), mine), mine, views.internal(rows[1]))
    assert set(common["words"]) == {"карткі", "медыцынскія", "бальніц"}


def test_only_what_was_entered_earlier_is_similar() -> None:
    words = "Телемедицинские консультации на селе"
    rows = [row(f"p{n}", entered=NOW.replace(minute=n), application=about(words)) for n in range(3)]
    index = filled([*rows, *(row(f"n{n}", application=about(f"Иное {n}")) for n in range(20))])
    before = int(NOW.replace(minute=1).timestamp() * 1000)
    assert [id_ for id_, _ in questions.similar(index, views.internal(rows[1]), 5, before)] == ["p0"]


def test_a_draft_is_compared_as_a_pilot_is() -> None:
    rows = [row("p", application=about("Телемедицинские консультации на селе"))]
    index = filled([*rows, *(row(f"n{n}", application=about(f"Иное {n}")) for n in range(20))])
    draft = {"title": "Консультации телемедицины", "sector": "health", "application": {}}
    assert [id_ for id_, _ in questions.similar(index, draft, 5)] == ["p"]


def test_a_region_in_common_counts_and_is_named() -> None:
    words = "Телемедицинские консультации на селе"
    rows = [row(region, application=about(words, region=region)) for region in ("brest", "minsk", "gomel")]
    index = filled([*rows, *(row(f"n{n}", application=about(f"Иное {n}")) for n in range(20))])
    draft = {"title": words, "sector": "trade", "region": "minsk", "application": {}}
    assert next(id_ for id_, _ in questions.similar(index, draft, 5)) == "minsk"
    common = [questions.in_common([], draft, views.internal(one))["region"] for one in rows]
    assert common == [None, "minsk", None]


def test_what_a_pilot_is_compared_by_is_bounded_in_words_and_the_beginning_counts() -> None:
    many = [" ".join(f"слово{n}" for n in range(start, start + 1_500)) for start in (0, 1_500, 3_000)]
    stems = text.likeness(many)
    assert len(stems) == text.MOST_COMPARED == len(text.surfaces(many))
    assert set(stems) == set(text.surfaces(many)) and stems[0] == text.stem_of("слово0")
    short = ["Запись к врачу", "без очереди"]
    assert text.likeness(short) == [*text.likeness(short[:1]), *text.likeness(short[1:])]
