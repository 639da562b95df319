"""The one exception that is meant for people, and what the disk says in a sentence for them."""

import errno
from collections.abc import Mapping
from typing import Any, Final

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CLOSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
INTERRUPTED: Final = 130
"""With what a verb ends that somebody stopped, as programs do on Ctrl-C."""


class Complaint(Exception):
    """Something a person can act on; the command line prints its single sentence and no stack trace, ends with `code`,
    and tells a program `found` beside it: what was found out, or done, all the same."""

    def __init__(self, sentence: str, /, *, code: int = 1, found: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.code, self.found = code, dict(found or {})


class Interrupted(Exception):
    """Somebody asked to stop while things were being started; what was started is stopped already."""


def of_the_disk(error: OSError) -> str | None:
    """What a person can do about a disk that is full or closed; None for another error."""
    if error.errno in FULL:
        return f"No space is left: {error}."
    if error.errno in CLOSED and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}; LOTSMAN_HOME puts what is written in another place."
    return None
