"""The conclusion as a document: what it carries, that it is the same each time, and that words stay words."""

import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import canonicalize
from zipfile import ZipFile

import pypdf
import pytest
from docx import Document
from docx.oxml.ns import qn
from docxtpl import DocxTemplate
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from deploy.local.home import ROOT
from services.expertise.documents.render import TEMPLATES, Paper, Remark, Score, Signer, TermLine, _view, docx, pdf
from tests.effort import examples

MADE = {"pdf": pdf, "docx": docx}
BARE = Paper(
    number="12/2026",
    date=date(2026, 11, 21),
    place_of_body="Экспертный центр примеров",
    kind="первичная экспертиза",
    round=1,
    application_number="ПП-2026-000123",
    title="Электронная запись в районных поликлиниках",
    parties=(),
    sector="",
    verdict="Положительное с замечаниями",
    text="Цели измеримы.\nРиски описаны.",
)
FULL = replace(
    BARE,
    kind="повторная экспертиза",
    round=2,
    parties=(("Заявитель", "Министерство примеров", "УНП 790000029"),),
    sector="здравоохранение",
    remarks=(
        Remark("R-01", "Владелец данных", "Не назван владелец реестра.", "существенное", True, False),
        Remark("R-02", "Журналы", "Не указан срок хранения журналов.", "незначительное", False, None),
    ),
    scores=(Score("Социальный эффект", ("4 из 5", "5 из 5"), ("Показатели измеримы.", "Есть базовые значения.")),),
    term_summary="Израсходовано 12 дней из 15.",
    term_lines=(
        TermLine("running", "02.11.2026", "09.11.2026", 6),
        TermLine("stopped", "10.11.2026", "13.11.2026", 4, "запрос сведений у заявителя"),
    ),
    term_note="Источник срока: допущение.",
    signers=(Signer("Руководитель экспертизы", "И. И. Образцов", "20.11.2026"),),
    earlier="№ 9/2026 от 01.10.2026",
    changes=(("Бюджет", "120 000,00 BYN", "135 000,00 BYN"),),
)
HEADS = [
    "Стороны",
    "Замечания",
    "Оценки по критериям",
    "Изменения в заявке",
    "Срок экспертизы",
    "Подписи",
    "Отрасль",
    "Предыдущее заключение",
]
HOSTILE = [
    '#eval("1 + 1") #panic() $x^2$ *жирный* _к_ `код` = Заголовок <метка> @ссылка // слова /* x */ ~ --- ...',
    "{{ 7*7 }} {% for x in y %} {# c #} {_{ 7*7 }_} {_% x %_} {%tr x %} {{r x}}",
    "<w:p><w:t>x</w:t></w:p> & &amp; &#65; ]]> <!-- -->",
    "\\ \\n \\u{41} C:\\new\\table 'одна' \"две\" -- fi ffi",
]


def leaves(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [leaf for one in value for leaf in leaves(one)]
    if hasattr(value, "__slots__") and not isinstance(value, date):
        return [leaf for name in value.__slots__ for leaf in leaves(getattr(value, name))]
    return [value] if isinstance(value, str) else []


def pages(made: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(BytesIO(made)).pages]


def text_of(kind: str, made: bytes) -> str:
    """All text without white space: lines break where they must."""
    if kind == "pdf":
        return "".join("".join(pages(made)).split())
    document = Document(BytesIO(made))
    parts = [document.element, document.sections[0].footer._element]
    return "".join("".join(text.text or "" for part in parts for text in part.iter(qn("w:t"))).split())


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("kind", MADE)
def test_everything_in_the_paper_can_be_read_in_the_document(kind: str) -> None:
    text = text_of(kind, MADE[kind](FULL))
    words = [leaf for leaf in leaves(FULL) if leaf not in ("running", "stopped")]
    assert len(words) > 35
    for word in [*words, *HEADS, "Заключение № 12/2026 от 21.11.2026", "приостановлен", "идёт", "Эксперт 2"]:
        assert squeezed(word) in text, word
    assert "обязательнонеустранено" in text and text.count("рекомендуется") == 1


def as_docxtpl_fills_it_in(paper: Paper) -> bytes:
    template = DocxTemplate(TEMPLATES / "conclusion.docx")
    template.render(_view(paper), Environment(undefined=StrictUndefined, finalize=lambda value: Markup(escape(value))))
    made = BytesIO()
    template.save(made)
    return made.getvalue()


LINES = replace(FULL, remarks=(replace(FULL.remarks[0], text="Первая строка & вторая:\n<третья>\n\nчетвёртая"),))


@pytest.mark.parametrize("paper", [BARE, FULL, LINES], ids=["bare", "full", "lines"])
def test_the_word_document_is_what_docxtpl_makes_of_the_template(paper: Paper) -> None:
    with ZipFile(BytesIO(docx(paper))) as ours, ZipFile(BytesIO(as_docxtpl_fills_it_in(paper))) as theirs:
        assert sorted(ours.namelist()) == sorted(theirs.namelist())
        for name in {*ours.namelist()} - {"docProps/core.xml"}:
            assert canonicalize(ours.read(name)) == canonicalize(theirs.read(name)), name


def test_the_templates_say_nothing_themselves() -> None:
    typ = (TEMPLATES / "conclusion.typ").read_text(encoding="utf-8")
    said = [line for line in typ.splitlines() if not line.startswith("//")]
    with ZipFile(TEMPLATES / "conclusion.docx") as word:
        parts = [word.read(name).decode() for name in ("word/document.xml", "word/footer1.xml")]
    said += [text for part in parts for text in re.findall(r"<w:t[^>]*>([^<]*)</w:t>", part)]
    assert len(said) > 200 and [one for one in said if re.search(r"[А-Яа-яЁё]", one)] == []


@pytest.mark.parametrize("kind", MADE)
def test_sections_without_content_are_left_out(kind: str) -> None:
    text = text_of(kind, MADE[kind](BARE))
    assert "Целиизмеримы.Рискиописаны." in text
    assert [head for head in HEADS if squeezed(head) in text] == []
    assert "{" not in text


@pytest.mark.parametrize("kind", MADE)
def test_each_section_comes_alone(kind: str) -> None:
    for name in ("parties", "remarks", "scores", "term_summary", "term_lines", "term_note", "signers", "changes"):
        text = text_of(kind, MADE[kind](replace(BARE, **{name: getattr(FULL, name)})))
        assert len([head for head in HEADS if squeezed(head) in text]) == 1, name


def test_the_same_paper_gives_the_same_bytes_in_another_process_and_time_zone() -> None:
    code = (
        "import hashlib, test_paper as t;print(*(hashlib.sha256(make(t.FULL)).hexdigest() for make in t.MADE.values()))"
    )
    here = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "unit")])
    elsewhere = {**os.environ, "PYTHONPATH": here, "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=elsewhere, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [hashlib.sha256(make(FULL)).hexdigest() for make in MADE.values()]


def test_the_dates_inside_are_those_of_the_conclusion() -> None:
    about = pypdf.PdfReader(BytesIO(pdf(FULL))).metadata
    assert about is not None and about.creation_date is not None
    assert about.creation_date.date() == FULL.date
    made = docx(FULL)
    properties = Document(BytesIO(made)).core_properties
    assert properties.created is not None and properties.modified is not None
    assert properties.created.date() == properties.modified.date() == FULL.date
    assert {entry.date_time for entry in ZipFile(BytesIO(made)).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_pdf_is_a4_for_the_archive_with_its_fonts_inside() -> None:
    reader = pypdf.PdfReader(BytesIO(pdf(FULL)))
    root: Any = reader.trailer["/Root"]
    metadata = root["/Metadata"].get_data().decode()
    assert re.search(r"pdfaid:part>2<", metadata) and re.search(r"pdfaid:conformance>B<", metadata)
    for page in reader.pages:
        assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(descriptor)


def test_the_word_document_is_a4_with_page_numbers() -> None:
    document = Document(BytesIO(docx(FULL)))
    section = document.sections[0]
    assert section.page_width is not None and section.page_height is not None
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
    fields = [(field.text or "").strip() for field in section.footer._element.iter(qn("w:instrText"))]
    assert fields == ["PAGE", "NUMPAGES"]


@pytest.mark.slow
def test_long_texts_flow_over_pages_and_heads_repeat() -> None:
    remarks = tuple(
        Remark(f"R-{number:03}", f"Замечание номер {number}", "Слова замечания. " * 20, "существенное", True)
        for number in range(200)
    )
    paper = replace(FULL, text="Двадцать тысяч знаков. " * 870, remarks=remarks)
    made = pages(pdf(paper))
    assert len(made) > 20
    for number, page in enumerate(made, 1):
        assert "Заключение № 12/2026" in page and f"Страница {number} из {len(made)}" in page
    with_remarks = [page for page in made if re.search(r"R-\d{3}", page)]
    assert len(with_remarks) > 10
    assert all("Значимость" in page and "Устранение" in page for page in with_remarks)
    assert "".join(made).count("знаков.") == 870

    document = Document(BytesIO(docx(paper)))
    assert "".join(paragraph.text for paragraph in document.paragraphs).count("знаков.") == 870
    heads = [table.rows[0]._tr.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") for table in document.tables[1:-1]]
    assert len(heads) == 5 and None not in heads
    for text in ("".join(made), text_of("docx", docx(paper))):
        assert all(remark.code in text for remark in remarks)


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("words", HOSTILE)
def test_markup_in_what_people_wrote_stays_words(kind: str, words: str) -> None:
    made = MADE[kind](everywhere(words))
    assert text_of(kind, made).count(squeezed(words)) >= 25


@pytest.mark.parametrize("kind", MADE)
def test_what_cannot_be_printed_is_replaced(kind: str) -> None:
    text = text_of(kind, MADE[kind](everywhere("до\ud800 \x00 \x1b \ufffe \ue000 после")))
    assert text.count("до�����после") >= 25


@pytest.mark.parametrize("kind", MADE)
def test_text_cannot_be_turned_around_or_hidden(kind: str) -> None:
    text = text_of(kind, MADE[kind](replace(FULL, text="от\u202eка\u2066за\u200bно")))
    assert "отказано" in text


def test_a_letter_without_a_glyph_is_replaced_in_the_pdf_and_kept_in_word() -> None:
    paper = replace(FULL, text="Поставщик 华为 😀 выбран")
    assert "Поставщик���выбран" in text_of("pdf", pdf(paper))
    assert "Поставщик华为😀выбран" in text_of("docx", docx(paper))


def test_every_letter_said_to_have_a_glyph_has_one() -> None:
    ranges = [(0x20, 0x4FF), (0x1E00, 0x203E), (0x2070, 0x209C), (0x20A0, 0x20BF), (0x2100, 0x25FF), (0x2610, 0x2718)]
    every = [chr(code) for first, last in ranges for code in range(first, last + 1)]
    # PDF/A refuses a text with a character that no font has, so that it is made at all says much.
    text = text_of("pdf", pdf(replace(BARE, text=" ".join(every))))
    assert {"Ў", "ў", "І", "і", "Ґ", "ё", "№", "₽", "€", "—", "«", "☑", "≤", "→", "é", "ẞ"} <= set(text)


@pytest.mark.parametrize("kind", MADE)
def test_lines_people_sent_stay_lines(kind: str) -> None:
    remark = replace(FULL.remarks[0], text="первая\r\nвторая\u2028третья\tс отступом")
    made = MADE[kind](replace(FULL, remarks=(remark,)))
    if kind == "pdf":
        assert "первая\nвторая\nтретья с отступом" in "\n".join(pages(made))
    else:
        cells = [cell.text for table in Document(BytesIO(made)).tables for row in table.rows for cell in row.cells]
        assert "Владелец данных\nпервая\nвторая\nтретья с отступом" in cells


@pytest.mark.slow
@pytest.mark.parametrize("letters", ["Щ", "e\u0301"])
def test_a_word_longer_than_pages_is_broken_and_stays_whole(letters: str) -> None:
    word = letters * 10_000
    made = pdf(replace(BARE, text=word, title=word[:300]))
    assert len(pages(made)) > 2
    assert text_of("pdf", made).count(unicodedata.normalize("NFC", letters)) >= 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("x" * 31 + " ") * 600, "-" * 20_000, "a\n" * 5_000, "e" + "\u0301" * 20_000, "К\u0306\u0327⇡\u0301" * 500],
    ids=["many long words", "dashes", "lines", "a tower of marks", "marks on marks"],
)
def test_a_text_that_typesetters_fear_makes_a_document(words: str) -> None:
    remark = Remark("R-01", words[:200], words[:4000], "существенное", True)
    paper = replace(BARE, text=words, remarks=(remark,))
    assert "R-01" in text_of("pdf", pdf(paper)) and "R-01" in text_of("docx", docx(paper))


def test_a_stress_over_a_letter_is_drawn_and_a_second_one_replaced() -> None:
    assert "\ufffd" not in text_of("pdf", pdf(replace(BARE, text="за\u0301мок")))
    assert text_of("pdf", pdf(replace(BARE, text="за\u0301\u0301мок"))).count("\ufffd") == 1


LETTERS = st.characters(min_codepoint=0x20, max_codepoint=0x2718)


@given(st.text(max_size=200) | st.text(LETTERS, max_size=200), st.sampled_from([pdf, docx]))
@examples(60)
def test_any_text_makes_a_document(words: str, make: Callable[[Paper], bytes]) -> None:
    assert make(everywhere(words))


def test_a_score_without_its_reason_is_refused() -> None:
    score = Score("Социальный эффект", ("4", "5"), ("Есть показатели.",))
    for make in MADE.values():
        with pytest.raises(ValueError):
            make(replace(FULL, scores=(score,)))


def everywhere(words: str) -> Paper:
    """A paper with these words wherever a person's words may stand."""
    return Paper(
        number=words,
        date=date(2026, 11, 21),
        place_of_body=words,
        kind=words,
        round=1,
        application_number=words,
        title=words,
        parties=((words, words, words),),
        sector=words,
        verdict=words,
        text=words,
        remarks=(Remark(words, words, words, words, True, True),),
        scores=(Score(words, (words, words), (words, words)),),
        term_summary=words,
        term_lines=(TermLine("stopped", words, words, 1, words),),
        term_note=words,
        signers=(Signer(words, words, words),),
        earlier=words,
        changes=((words, words, words),),
    )
