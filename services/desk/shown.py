"""Pages from templates: what every template has at hand, and what every answer says to the browser about itself."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader
from markupsafe import Markup
from starlette.responses import HTMLResponse

from contracts.reference import ROLES, Role
from contracts.words import LANGUAGES
from services.desk import static_files
from services.desk.words import LETTERED

FOLDER: Final = Path(__file__).with_name("templates")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may do: nothing but what comes from the desk itself (Content Security Policy, level 3)."""
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
TRANSPORT: Final = "max-age=31536000; includeSubDomains"

DECIDERS: Final = (Role.COUNCIL_SECRETARY, Role.HEAD_ORGANISATION, Role.COMMISSION_SECRETARY, Role.REGISTRAR)
"""Who enters decisions in the register."""

PAGES: Final = (
    ("page.work", "/work", (Role.OPERATOR, Role.EXPERT, Role.APPROVER, Role.AUDITOR)),
    ("page.board", "/board", (Role.OPERATOR, Role.APPROVER, Role.AUDITOR)),
    ("page.look-over", "/look-over", (Role.OFFICER,)),
    ("page.directory", "/directory", (Role.OPERATOR, Role.APPROVER, Role.AUDITOR, Role.ADMIN)),
    ("page.decisions", "/decisions", (*DECIDERS, Role.AUDITOR)),
    ("page.people", "/people", (Role.HEAD_ORGANISATION, Role.ADMIN)),
    ("page.notices", "/notices", (Role.OPERATOR, Role.EXPERT, Role.APPROVER)),
    ("page.ops", "/ops", (Role.OPS,)),
    ("page.mine", "/portal/mine", (Role.PUBLISHER,)),
    ("page.send", "/portal/send", (Role.PUBLISHER,)),
    ("page.spreadsheets", "/portal/spreadsheets", (Role.PUBLISHER,)),
    ("page.access", "/portal/access", (Role.PUBLISHER,)),
    ("page.contracts", "/portal/contracts", (Role.PUBLISHER,)),
    ("page.register", "/register", ROLES),
)
"""What the head of every page leads to, and for which roles; the first that is for a role is its first page."""
OPEN_PAGES: Final = (
    ("register.start", "/register"),
    ("register.find", "/register/find"),
    ("register.money", "/register/money"),
    ("register.data", "/register/data"),
)
"""What the head of every page of the public register leads to: the same for everybody."""


def home_of(may: Callable[..., bool]) -> str | None:
    """The first page of somebody, if there is any for them."""
    return next((path for _id, path, roles in PAGES if may(*roles)), None)


@cache
def environment() -> Environment:
    """The templates: everything that is put into them is escaped."""
    macros = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(FOLDER), macros]),
        autoescape=True,
        undefined=ChainableUndefined,  # the macros of the design system ask for what nobody gave
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(
        static=static_files.address,
        swap=swap,
        LANGUAGES=LANGUAGES,
        LETTERED=LETTERED,
        PAGES=PAGES,
        OPEN_PAGES=OPEN_PAGES,
    )
    return made


def swap(then: str = "") -> Markup:
    """What of a page htmx puts into the place of what is there: the main part, and the languages, which lead to the
    page's own address; `then`: what it does after that."""
    parts = 'hx-target="#main" hx-select="#main" hx-select-oob="#languages" hx-swap="morph:outerHTML{}"'
    return Markup(parts).format(f" {then}" if then else "")


def render(template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A page."""
    return HTMLResponse(environment().get_template(template).render(values), status)
