"""The conclusion as a document (заключение экспертизы на бумаге): PDF for the file, DOCX for work in an office.

How it looks is in `templates/`: `conclusion.typ` for the PDF, `conclusion.docx` (a Word file to be edited in Word) for
the DOCX. Here is only what goes into them. Whatever people wrote goes in as data, never as markup: as JSON that the
Typst template shows with `text()`, and as escaped text for the DOCX. Templates are read once for a process.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import typst
from docx.opc.coreprops import CoreProperties
from docx.opc.oxml import serialize_part_xml
from docx.oxml.parser import parse_xml
from docxtpl import DocxTemplate
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from services.expertise.documents.language import LANGUAGE, said
from services.law.calendar import written

TEMPLATES: Final = Path(__file__).parent / "templates"
LARGE: Final = 200_000  # bytes of a PDF; an ordinary conclusion makes 70,000
STATES: Final[Mapping[str, str]] = {"running": "paper.term.running", "stopped": "paper.term.stopped"}
WORDS: Final[Mapping[str, str]] = {
    "document": "paper.head.document",
    "of_what": "paper.head.of-what",
    "page": "paper.head.page",
    "of_pages": "paper.head.of-pages",
    "parties": "paper.head.parties",
    "role": "paper.head.role",
    "name": "paper.head.name",
    "identifier": "paper.head.identifier",
    "verdict": "paper.head.verdict",
    "remarks": "paper.head.remarks",
    "code": "paper.head.code",
    "remark": "paper.head.remark",
    "severity": "paper.head.severity",
    "duty": "paper.head.duty",
    "scores": "paper.head.scores",
    "expert": "paper.head.expert",
    "score": "paper.head.score",
    "reason": "paper.head.reason",
    "changes": "paper.head.changes",
    "field": "paper.head.field",
    "was": "paper.head.was",
    "now": "paper.head.now",
    "term": "paper.head.term",
    "state": "paper.head.state",
    "since": "paper.head.since",
    "until": "paper.head.until",
    "days": "paper.head.days",
    "why": "paper.head.why",
    "signatures": "paper.head.signatures",
}
"""What the templates themselves say: the name that it has in them, and the id of its words."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark (замечание). `severity` is a word; `met` says in a repeat whether it was met, else None."""

    code: str
    title: str
    text: str
    severity: str
    must_fix: bool
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A criterion (критерий) with a value and a reason per expert: "Эксперт 1", "Эксперт 2", never a name."""

    criterion: str
    values: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TermLine:
    """A stretch of the legal term (срок): running or stopped, from when to when, and why it stopped."""

    state: Literal["running", "stopped"]
    since: str
    until: str
    days: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed, as what, on what day."""

    role: str
    name: str
    date: str


@dataclass(frozen=True, slots=True)
class Paper:
    """All that a conclusion shows, in the words of its language. Sections without content are left out.

    `parties` are (role, name, identifier such as "УНП 790000029"); `term_note` says where the term comes from (норма,
    допущение); `earlier` names the earlier conclusion and `changes` are (field, was, now), both for a repeat. What
    became of the conclusion later is on no paper: a paper stays as it was signed. A draft (проект) has no number.
    """

    number: str | None
    date: date
    place_of_body: str
    kind: str
    round: int
    application_number: str
    title: str
    parties: tuple[tuple[str, str, str], ...]
    sector: str
    verdict: str
    text: str
    remarks: tuple[Remark, ...] = ()
    scores: tuple[Score, ...] = ()
    term_summary: str = ""
    term_lines: tuple[TermLine, ...] = ()
    term_note: str = ""
    signers: tuple[Signer, ...] = ()
    earlier: str | None = None
    changes: tuple[tuple[str, str, str], ...] = ()


def pdf(paper: Paper) -> bytes:
    """The conclusion as PDF/A-2b: the same paper gives the same bytes. Blocks: call it in a thread.

    Its fonts come with the typesetter. A character that none of them has is shown as U+FFFD.
    Raises ValueError when a score has not as many reasons as values.
    """
    document = _document(_drawable(_view(paper)))
    with _SETTING:
        made = _typesetter().compile(document, format="pdf", pdf_standards=["a-2b"], timestamp=_midnight(paper))
        assert isinstance(made, bytes)  # in one piece, and not in a file
        if len(made) > LARGE:
            _forget()
    return made


def docx(paper: Paper) -> bytes:
    """The conclusion as a Word document: the same paper gives the same bytes. Blocks: call it in a thread.

    Raises ValueError when a score has not as many reasons as values.
    """
    view, at, made = _view(paper), _midnight(paper), BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, part in _parts().items():
            archive.writestr(ZipInfo(name), _filled(name, part, view, at), ZIP_DEFLATED)
    return made.getvalue()


def _view(paper: Paper) -> dict[str, Any]:
    """What both templates show, every word ready and clean."""
    day = written(paper.date)
    number, mark = paper.number or "", "" if paper.number else said("paper.draft")
    heading = said("paper.heading-of-draft" if mark else "paper.heading", number=number, date=day)
    view: dict[str, Any] = _clean(
        {
            "about": {"title": heading[:255], "author": paper.place_of_body[:255]},  # Word takes no more
            "language": LANGUAGE,
            "words": {name: said(WORDS[name]) for name in WORDS},
            "heading": heading,
            "number": number,
            "mark": mark,
            "date": day.text(LANGUAGE),
            "body": paper.place_of_body,
            "facts": [{"label": label, "value": value} for label, value in _facts(paper) if value],
            "parties": [{"role": role, "name": name, "id": known_as} for role, name, known_as in paper.parties],
            "verdict": paper.verdict,
            "paragraphs": _paragraphs(paper.text),
            "remarks": [_remark(number, remark) for number, remark in enumerate(paper.remarks, 1)],
            "scores": [_score(score) for score in paper.scores],
            "changes": [{"field": field, "was": was or "—", "now": now or "—"} for field, was, now in paper.changes],
            "term": {
                "summary": paper.term_summary,
                "lines": [_term_line(line) for line in paper.term_lines],
                "note": paper.term_note,
            },
            "signers": [{"role": one.role, "name": one.name, "date": one.date} for one in paper.signers],
        }
    )
    return view


def _facts(paper: Paper) -> tuple[tuple[str, str], ...]:
    return (
        (said("paper.fact.title"), paper.title),
        (said("paper.fact.application"), paper.application_number),
        (said("paper.fact.kind"), paper.kind),
        (said("paper.fact.round"), str(paper.round)),
        (said("paper.fact.sector"), paper.sector),
        (said("paper.fact.earlier"), paper.earlier or ""),
    )


def _remark(number: int, remark: Remark) -> dict[str, str]:
    met = "" if remark.met is None else said("paper.remark.met" if remark.met else "paper.remark.not-met")
    return {
        "number": str(number),
        "code": remark.code,
        "title": remark.title,
        "text": remark.text,
        "severity": remark.severity,
        "duty": said("paper.remark.must" if remark.must_fix else "paper.remark.should"),
        "met": met,
    }


def _score(score: Score) -> dict[str, Any]:
    pairs = enumerate(zip(score.values, score.reasons, strict=True), 1)
    opinions = [
        {"expert": said("paper.expert", number=number), "value": value, "reason": reason}
        for number, (value, reason) in pairs
    ]
    return {"criterion": score.criterion, "opinions": opinions}


def _term_line(line: TermLine) -> dict[str, str]:
    return {
        "state": said(STATES[line.state]),
        "since": line.since,
        "until": line.until,
        "days": str(line.days),
        "why": line.why or "—",
    }


# ---- text as people send it

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_REPLACED: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
# What the fonts that come with Typst have (a test draws them all): Latin, Greek, Cyrillic, punctuation, currencies,
# letter-like signs, fractions, arrows, mathematics, boxes. PDF/A allows no character without a glyph. Of the combining
# marks the stress alone, over one letter: others are drawn only by luck.
_NOT_DRAWN = re.compile(
    "(?<![A-Za-z\u0400-\u045f])\u0301|[^\n\u0020-\u02ff\u0301\u0370-\u0482\u048a-\u04ff\u1e00-\u203e\u2070-\u209c"
    "\u20a0-\u20bf\u2100-\u211e\u2122\u2126\u2153-\u2183\u2190-\u23ff\u2460-\u25ff\u2610-\u2612\u2713-\u2714\ufffd]"
)


def _paragraphs(text: str) -> list[str]:
    return [line for line in (line.strip() for line in _LINE_ENDS.sub("\n", text).split("\n")) if line]


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _clean_text(value)
        case list():
            return [_clean(one) for one in value]
        case _:
            return {key: _clean(one) for key, one in value.items()}


def _clean_text(text: str) -> str:
    """Only characters that XML allows and that show what they are.

    Invisible format characters go away (those that turn the direction of text could make a document read differently
    from what is stored); other control characters, lone surrogates and unassigned ones become U+FFFD.
    """
    text = _LINE_ENDS.sub("\n", text).replace("\t", " ")
    kept = (_seen(char) for char in text)
    return unicodedata.normalize("NFC", "".join(kept)).strip()


@lru_cache(maxsize=10_000)
def _seen(char: str) -> str:
    category = unicodedata.category(char)
    if char != "\n" and category in _REPLACED:
        return "\ufffd"
    return "" if category == "Cf" else char


def _drawable(value: Any) -> Any:
    match value:
        case str():
            return _NOT_DRAWN.sub("\ufffd", value)
        case list():
            return [_drawable(one) for one in value]
        case _:
            return {key: _drawable(one) for key, one in value.items()}


# ---- the templates


_SETTING: Final = Lock()
"""A typesetter is one thread's at a time."""


@cache
def _typesetter() -> typst.Compiler:
    """Holds fonts and templates; a fifth of the time of a paper went into reading them."""
    return typst.Compiler(root=TEMPLATES, ignore_system_fonts=True)


_WHOLE: Final = b"""#import "conclusion.typ": conclusion
#conclusion(json(bytes("%s")))"""


def _document(view: Mapping[str, Any]) -> bytes:
    """The template with this paper as JSON in a string of Typst's, in which a backslash and a quote alone mean more
    than they are: JSON of ASCII has nothing else of that kind. Given as an input (`sys.inputs`) it would make
    all be read anew that has been read for the paper before."""
    said = json.dumps(view).replace("\\", "\\\\").replace('"', '\\"')
    return _WHOLE % said.encode()


def _forget() -> None:
    """Typst keeps the work of its last ten runs, for hundreds of pages 0.3 GB each; empty runs make it let go."""
    for _ in range(11):
        typst.compile(b"", ignore_system_fonts=True)


_ABOUT: Final = "docProps/core.xml"
_WITH_MARKS: Final = re.compile(r"word/(document|header\d*|footer\d*)\.xml")
_NEW_LINE: Final = '</w:t><w:br/><w:t xml:space="preserve">'


@cache
def _parts() -> Mapping[str, bytes | Template]:
    """The files of the Word template, those with marks as docxtpl makes Jinja's templates of them. docxtpl itself reads
    the file and its XML anew for every document, four times in all: five times as long as filling it in."""
    filling = Environment(undefined=StrictUndefined, finalize=_text)
    reader = DocxTemplate(BytesIO())
    with ZipFile(TEMPLATES / "conclusion.docx") as word:
        parts = {entry.filename: word.read(entry) for entry in word.infolist()}
    return {
        name: filling.from_string(reader.patch_xml(part.decode())) if _WITH_MARKS.fullmatch(name) else part
        for name, part in parts.items()
    }


def _filled(name: str, part: bytes | Template, view: Mapping[str, Any], at: datetime) -> str | bytes:
    if isinstance(part, Template):
        return part.render(view)
    return _about(part, view["about"], at) if name == _ABOUT else part


def _about(part: bytes, said: Mapping[str, str], at: datetime) -> bytes:
    """What the file says of itself."""
    element = parse_xml(part)
    about = CoreProperties(element)
    about.title, about.author = said["title"], said["author"]
    about.last_modified_by = about.author
    about.created = about.modified = at
    return serialize_part_xml(element)


def _text(value: object) -> Markup:
    """Escaped for XML; a new line is one in Word, too."""
    return Markup(str(escape(value)).replace("\n", _NEW_LINE))


def _midnight(paper: Paper) -> datetime:
    return datetime.combine(paper.date, time(), UTC)
