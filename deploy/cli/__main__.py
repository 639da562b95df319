"""The entry of the command line: all verbs, and one place where complaints become a sentence."""

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Final

import typer
from typer import rich_utils
from typer._click.exceptions import ClickException
from typer.core import TyperCommand, TyperGroup

from deploy.cli import reach
from deploy.cli.common import JSON, JSON_HELP, Found, answered, err, for_program
from deploy.complaint import INTERRUPTED, Complaint, Interrupted, of_the_disk

PARTS: Final = {
    "agencies": ("agency",),
    "bench": ("bench",),
    "contacts": ("contact",),
    "contracts": ("contracts",),
    "demo": ("demo",),
    "docs": ("docs",),
    "experts": ("expert",),
    "hooks": ("hook",),
    "identity": ("token",),
    "importing": ("import",),
    "officials": ("officials",),
    "ops": ("ops",),
    "persons": ("person",),
    "quality": ("check",),
    "reading": ("topic",),
    "rebuild": ("rebuild",),
    "run": ("up", "down", "status"),
    "standing": ("accept-loss",),
    "suite": ("test", "coverage"),
    "top": ("top",),
    "traces": ("trace",),
}
"""Which file of this folder has which verbs."""
_FLAG: Final = typer.Typer(add_completion=False)


@_FLAG.command()
def _flag(_json: Annotated[bool, typer.Option(JSON, help=JSON_HELP, expose_value=False)] = False) -> None:
    """Has the option that every verb gets."""


def command_line(words: list[str]) -> TyperGroup:
    """The verb that is asked for, or all of them: only what is needed is loaded, since some load slowly."""
    verb = next((word for word in words if not word.startswith("-")), None)
    needed = [part for part, verbs in PARTS.items() if verb in verbs] or list(PARTS)
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(lotsman)
    for name in needed:
        part: typer.Typer = import_module(f"deploy.cli.{name}").app
        app.registered_commands += part.registered_commands
        app.registered_groups += part.registered_groups
    found = typer.main.get_command(app)
    assert isinstance(found, TyperGroup)
    [flag] = [one for one in typer.main.get_command(_FLAG).params if JSON in one.opts]
    for words_of, one in verbs(found):
        reach.equip(words_of, one)
        one.params.append(flag)  # so that its help has it; it is taken out before typer sees the words
    return found


def verbs(group: TyperGroup, *above: str) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Every verb below a group of the command line, by its words."""
    for name, one in group.commands.items():
        if isinstance(one, TyperGroup):
            yield from verbs(one, *above, name)
        elif isinstance(one, TyperCommand):
            yield (*above, name), one


def lotsman(
    _debug: bool = typer.Option(False, "--debug", help="Show the stack trace of a failure."),
) -> None:
    """Lotsman: pilot projects from application to register."""


def main(words: list[str]) -> int:
    """Runs one verb; the exit code of the process."""
    ours = words[: [*words, "--"].index("--")]
    asked = [word for word in ours if word not in ("--debug", JSON)] + words[len(ours) :]
    return answered(lambda: _run(asked, debug="--debug" in ours), as_json=for_program(words))


def _run(words: list[str], *, debug: bool) -> tuple[int, Found]:
    """The exit code of a verb and what it found; complaints become a sentence."""
    try:
        found = command_line(words).main(words, prog_name="./lotsman", standalone_mode=False)
    except typer.Abort:
        rich_utils.rich_abort_error()
        return 1, {"error": "aborted"}
    except ClickException as wrong:
        rich_utils.rich_format_error(wrong)
        return wrong.exit_code, {"error": wrong.format_message() or "A verb is missing."}
    except (Interrupted, KeyboardInterrupt):
        err.print("stopped")
        return INTERRUPTED, {"error": "stopped"}
    except Complaint as complaint:
        return _failed(str(complaint), debug, complaint.code, complaint.found)
    except OSError as error:
        sentence = of_the_disk(error)
        if sentence is None:
            raise
        return _failed(sentence, debug)
    if isinstance(found, int):  # an exit of typer's own: after the help, or on Ctrl-C
        return found, {"error": "stopped"} if found == INTERRUPTED else {}
    return 0, found or {}


def _failed(sentence: str, debug: bool, code: int = 1, found: Found | None = None) -> tuple[int, Found]:
    if debug:
        err.print_exception()
    err.print(sentence, style="red", markup=False, soft_wrap=True)
    return code, {**(found or {}), "error": sentence}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
