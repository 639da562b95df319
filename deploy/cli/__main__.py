"""The entry of the command line: all verbs, and one place where complaints become a sentence."""

import sys
from importlib import import_module
from typing import Final

import typer

from deploy.cli.common import err
from deploy.complaint import Complaint, Interrupted, of_the_disk

INTERRUPTED = 130

PARTS: Final = {
    "agencies": ("agency",),
    "bench": ("bench",),
    "contacts": ("contact",),
    "demo": ("demo",),
    "docs": ("docs",),
    "experts": ("expert",),
    "identity": ("token",),
    "quality": ("check",),
    "rebuild": ("rebuild",),
    "run": ("up", "down", "status"),
    "suite": ("test", "coverage"),
    "traces": ("trace",),
}
"""Which file of this folder has which verbs."""


def command_line(words: list[str]) -> typer.Typer:
    """The verb that is asked for, or all of them: only what is needed is loaded, since some load slowly."""
    verb = next((word for word in words if not word.startswith("-")), None)
    needed = [part for part, verbs in PARTS.items() if verb in verbs] or list(PARTS)
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(lotsman)
    for name in needed:
        part: typer.Typer = import_module(f"deploy.cli.{name}").app
        app.registered_commands += part.registered_commands
        app.registered_groups += part.registered_groups
    return app


def lotsman(
    _debug: bool = typer.Option(False, "--debug", help="Show the stack trace of a failure."),
) -> None:
    """Lotsman: pilot projects from application to register."""


def main(words: list[str]) -> int:
    """Runs one verb; the exit code of the process."""
    try:
        command_line(words)([word for word in words if word != "--debug"], prog_name="./lotsman")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except (Interrupted, KeyboardInterrupt):
        err.print("stopped")
        return INTERRUPTED
    except Complaint as complaint:
        return _failed(str(complaint), words)
    except OSError as error:
        sentence = of_the_disk(error)
        if sentence is None:
            raise
        return _failed(sentence, words)
    return 0


def _failed(sentence: str, words: list[str]) -> int:
    if "--debug" in words:
        err.print_exception()
    err.print(sentence, style="red", markup=False, soft_wrap=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
