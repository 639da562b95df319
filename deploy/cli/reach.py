"""Which system a verb speaks to: the one that `up` started here, or another one, by its addresses and a token.

Another system is named by `--url NAME=ADDRESS` and `--token-file`, or once for all by the environment:
`LOTSMAN_INTAKE_URL`, `LOTSMAN_EXPERTISE_URL`, `LOTSMAN_REGISTRY_URL` (and so on) with `LOTSMAN_TOKEN_FILE` or
`LOTSMAN_TOKEN`. Every verb that asks services gets these options; no verb reads them by itself.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlsplit

import jwt
import typer
from typer._click.core import Context, Parameter
from typer.core import TyperCommand

from contracts.topics import DESK, SERVICES
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local.home import home

JAEGER: Final = "jaeger"
COLLECTOR: Final = "collector"
NAMES: Final = (*SERVICES, DESK, "follower", "mail", JAEGER, COLLECTOR)
"""What may have an address: the services, what stands beside them, the query API of a Jaeger, and the collector of
another machine's `./lotsman up`."""
ASKING: Final = (
    *(("ops",), ("topic",), ("person",), ("contact",), ("expert",), ("hook",), ("top",), ("trace",), ("status",)),
    *(("agency", one) for one in ("add", "list", "show", "disable", "enable", "rotate", "key")),
    *(("contracts", "told"), ("import",)),
)
"""The verbs that ask services, by their first words."""
HERE_ALONE: Final = (("up",), ("down",), ("officials",), ("agency", "follow"), ("agency", "quotas"))
"""Those that start processes, or need the administrator's login at Kafka."""
AT_BACK_ENDS: Final = (("rebuild",), ("accept-loss",), ("contracts", "preview"))
"""Those that need the databases: they work elsewhere where LOTSMAN_MONGO_URL says where these are."""


ACTOR: Final = "command-line"
"""Under which opaque id facts carry what was done by a verb; a token that was given has its own person."""


class Tokens(Protocol):
    """Makes a token, or hands out the one that was given. Raises Complaint."""

    def __call__(self, roles: list[str], org: str | None = None, sub: str | None = None) -> str:
        """A token with these roles."""
        ...


@dataclass(frozen=True, slots=True)
class System:
    """A running system: addresses by name, tokens for it, and whether it is another one than that of `up`."""

    urls: Mapping[str, str]
    token: Tokens
    named: bool = False
    whose: str = "The token"
    """What is said of a token that is refused."""
    says_who: bool = False
    """Whether who does something is what a token says that was given, and nobody's word."""

    def url(self, name: str) -> str:
        """The address of a service. Raises Complaint where none was given."""
        if name not in self.urls:
            raise Complaint(f"No address of {name} was given: --url {name}=ADDRESS or LOTSMAN_{name.upper()}_URL.")
        return self.urls[name]


@dataclass
class _Said:
    """What the options of this run of the command line say."""

    urls: tuple[str, ...] = ()
    token_file: str | None = None


_SAID: Final = _Said()


def _forget() -> None:
    _SAID.urls, _SAID.token_file = (), None


def named() -> System | None:
    """The other system that options or the environment name; None where none is named. Raises Complaint."""
    urls = dict(map(_address, _SAID.urls)) if _SAID.urls else _of_environment()
    if not urls.keys() & set(SERVICES):
        if _SAID.token_file or _SAID.urls:
            raise Complaint(f"Which system? --url SERVICE=ADDRESS names one, for each of {', '.join(SERVICES)}.")
        return None
    of_services = [url for name, url in urls.items() if name in SERVICES]
    if len({*of_services}) < len(of_services):
        raise Complaint("Two services cannot have the same address.")
    file = _SAID.token_file or os.environ.get("LOTSMAN_TOKEN_FILE")
    if file:
        return System(urls, _from_file(Path(file)), True, f"The token in {file}", True)
    if given := os.environ.get("LOTSMAN_TOKEN"):
        return System(urls, _always(given, "LOTSMAN_TOKEN"), True, "The token in LOTSMAN_TOKEN", True)
    return System(urls, _by_own_key, True, f"A token signed by the key in {home()}")


def _of_environment() -> dict[str, str]:
    given = {name: os.environ.get(f"LOTSMAN_{name.upper()}_URL") for name in NAMES}
    return dict(_address(f"{name}={url}") for name, url in given.items() if url)


def _address(text: str) -> tuple[str, str]:
    """What `NAME=ADDRESS` says. Raises Complaint for what is no address, and where a token could be read on its way."""
    name, _, url = text.partition("=")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if name not in NAMES or parts.scheme not in ("http", "https") or not host or parts.query or "@" in parts.netloc:
        raise Complaint(f"A service is named as SERVICE=URL ({', '.join(NAMES)}), not {text!r}.")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise Complaint(
            f"{url} would show the token to whoever is on the way: https, or a tunnel to this machine "
            f"(ssh -L PORT:{host}:{parts.port or 80} HOST)."
        )
    return name, url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


# ---- tokens


def _from_file(file: Path) -> Tokens:
    """Read anew each time: what runs long has it renewed meanwhile."""

    def token(roles: list[str], org: str | None = None, sub: str | None = None) -> str:
        try:
            text = file.read_text().strip()
        except (OSError, ValueError) as error:
            raise Complaint(f"The token in {file} cannot be read: {error}.") from error
        return _always(text, str(file))(roles, org, sub)

    return token


def _always(text: str, where: str) -> Tokens:
    def token(roles: list[str], org: str | None = None, sub: str | None = None) -> str:
        del roles, org  # they are what they are
        if not text or not text.isascii() or len(text.split()) != 1:
            raise Complaint(f"What stands in {where} is no token: one word, with nothing beside it.")
        whose = _claims(text).get("sub")
        if sub not in (None, ACTOR, whose) and whose is not None:
            raise Complaint(f"The token in {where} is of {whose}, not of {sub}: leave --as out, or give the other's.")
        return text

    return token


def _by_own_key(roles: list[str], org: str | None = None, sub: str | None = None) -> str:
    """One signed by the key in LOTSMAN_HOME, as that of deploy/compose/first-try.sh: never by the key of the system
    that `up` runs here, which is nobody else's business, and none is made for it."""
    if not os.environ.get("LOTSMAN_HOME") or not (home() / "signing-key.pem").is_file():
        raise Complaint(
            "For another system a token of it is needed: --token-file FILE or LOTSMAN_TOKEN_FILE; "
            "docs/runbooks.md says how to get one."
        )
    return keys.token(home(), roles, org, sub)


def _claims(token: str) -> Mapping[str, Any]:
    """What a token says of itself; nothing where it is none of the kind that does. Nothing is trusted for it."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}


def ended(token: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """In a few words that a token is over, where it says so of itself."""
    end = _claims(token).get("exp")
    if not isinstance(end, int | float) or end > now().timestamp():
        return ""
    return f"it ended at {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M:%S} UTC"


# ---- the options


def _take_urls(context: Context, _parameter: Parameter, value: Any) -> None:
    context.call_on_close(_forget)  # with the verb it ends: what is asked in this process after it is of no option
    _SAID.urls = tuple(value or ())


def _take_file(context: Context, _parameter: Parameter, value: Any) -> None:
    context.call_on_close(_forget)
    _SAID.token_file = value


_APP: Final = typer.Typer(add_completion=False)
URL_HELP: Final = (
    "Of another system: NAME=ADDRESS, once for each; or the environment, as LOTSMAN_INTAKE_URL (docs/runbooks.md)."
)
FILE_HELP: Final = "A file with a token of that system; or LOTSMAN_TOKEN_FILE."


Urls = Annotated[list[str] | None, typer.Option("--url", help=URL_HELP, expose_value=False, callback=_take_urls)]
File = Annotated[str | None, typer.Option("--token-file", help=FILE_HELP, expose_value=False, callback=_take_file)]


@_APP.command()
def _options(_url: Urls = None, _token_file: File = None) -> None:
    """Has the options that every verb gets which asks services."""


def equip(words: tuple[str, ...], command: TyperCommand) -> None:
    """Gives a verb the options, if it is one that asks services; one that cannot work elsewhere says so."""
    if _is_among(words, ASKING):
        command.params += _flags(hidden=False)
    elif _is_among(words, HERE_ALONE) or _is_among(words, AT_BACK_ENDS):
        command.params += _flags(hidden=True)
        command.callback = _here(words, command.callback)


def _is_among(words: tuple[str, ...], which: tuple[tuple[str, ...], ...]) -> bool:
    return any(words[: len(one)] == one for one in which)


def _flags(*, hidden: bool) -> list[Any]:
    flags = [one for one in typer.main.get_command(_APP).params if {"--url", "--token-file"} & {*one.opts}]
    for one in flags:
        one.hidden = hidden  # type: ignore[attr-defined]
    return flags


def _here(words: tuple[str, ...], verb: Callable[..., Any] | None) -> Callable[..., Any]:
    assert verb is not None

    @wraps(verb)
    def only_here(*given: Any, **named_: Any) -> Any:
        back_ends = _is_among(words, AT_BACK_ENDS)
        if (back_ends and os.environ.get("LOTSMAN_MONGO_URL")) or named() is None:
            return verb(*given, **named_)
        elsewhere = "; elsewhere it needs LOTSMAN_MONGO_URL and LOTSMAN_KAFKA_URL" if back_ends else ""
        raise Complaint(
            f"./lotsman {' '.join(words)} works on the system of this machine alone{elsewhere}; "
            "an address of another is given (--url or LOTSMAN_..._URL)."
        )

    return only_here
