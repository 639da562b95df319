"""The entry of the command line: all verbs, and one place where complaints become a sentence."""

import errno
import sys

import typer

from deploy.cli import agencies, demo, identity, quality, run, traces
from deploy.cli.common import err
from deploy.complaint import Complaint, Interrupted

INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for part in (demo, run, quality, identity, agencies, traces):
    app.registered_commands += part.app.registered_commands
    app.registered_groups += part.app.registered_groups


@app.callback()
def lotsman(
    _debug: bool = typer.Option(False, "--debug", help="Show the stack trace of a failure."),
) -> None:
    """Lotsman: pilot projects from application to register."""


def main(words: list[str]) -> int:
    """Runs one verb; the exit code of the process."""
    try:
        app([word for word in words if word != "--debug"], prog_name="./lotsman")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except (Interrupted, KeyboardInterrupt):
        err.print("stopped")
        return INTERRUPTED
    except Complaint as complaint:
        return _failed(str(complaint), words)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        return _failed(f"No space is left: {error}.", words)
    return 0


def _failed(sentence: str, words: list[str]) -> int:
    if "--debug" in words:
        err.print_exception()
    err.print(sentence, style="red", markup=False, soft_wrap=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
