"""What a check passes over, and why: `exceptions.toml`, where every entry has a reason and must still be needed."""

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Self

FILE: Final = Path("deploy") / "checks" / "exceptions.toml"


@dataclass(slots=True)
class Exceptions:
    """The exceptions of one check, each a pattern like a file's name. What no finding needed is idle."""

    check: str
    patterns: tuple[str, ...]
    used: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, root: Path, check: str) -> Self:
        """The exceptions of a check. Raises ValueError for an entry without a reason."""
        path = root / FILE
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get(check, []) if path.exists() else []
        for entry in entries:
            if not entry.get("reason"):
                raise ValueError(f"{FILE}: an exception of {check} has no reason: {entry}")
        return cls(check, tuple(one for entry in entries for one in entry["what"]))

    def hold(self, what: str) -> bool:
        """Whether something is an exception."""
        fitting = {one for one in self.patterns if fnmatchcase(what, one)}
        self.used |= fitting
        return bool(fitting)

    def idle(self) -> list[str]:
        """Findings for exceptions that nothing needs any more."""
        return [
            f"{FILE}: {self.check}: nothing needs {one!r} any more" for one in self.patterns if one not in self.used
        ]
