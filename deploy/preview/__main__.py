"""One pass of a preview, in a process of its own: `python -m deploy.preview`, with what it is to do as JSON on stdin.

A changed module of the contracts takes the place of the packaged one before anything of ours is loaded, so that the
door's code is the same and finds the other module.
"""

import importlib.util
import json
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Instead:
    """Finds one module in another file."""

    def __init__(self, module: str, path: str) -> None:
        self._module, self._path = module, path

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the module is."""
        return importlib.util.spec_from_file_location(name, self._path) if name == self._module else None


def main() -> None:
    """Does what stdin says; ends with 1 and a sentence on stderr where that fails."""
    job: dict[str, Any] = json.load(sys.stdin)
    instead: dict[str, str] = job.pop("instead")
    for module, path in instead.items():
        sys.meta_path.insert(0, Instead(module, path))
    try:
        from contracts.own import FaultyOwn
        from deploy.complaint import Complaint
        from deploy.preview.passing import run  # it reads the editions as it is loaded
    except Exception as error:
        if not instead and type(error).__name__ != "FaultyOwn":
            raise
        raise SystemExit(_why(error, [*instead.values()])) from None
    if job.get("only") == "load":
        return
    try:
        run(job)
    except (Complaint, FaultyOwn) as refused:
        raise SystemExit(str(refused)) from None


def _why(error: Exception, changed: Sequence[str]) -> str:
    """Why nothing could be loaded: of a changed module with the place in it where that shows, if it does."""
    if not changed or type(error).__name__ == "FaultyOwn":
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename in changed]
    place = f":{lines[-1]}" if lines else ""
    return f"{', '.join(changed)}{place}: {type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
