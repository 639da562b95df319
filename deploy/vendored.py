"""What the pages have from elsewhere: which files of which npm packages, pinned, and what is changed in them.

`python -m deploy.vendored` lays them into `services/desk/static/vendor` anew (it needs npm); a test holds that what
lies there is what the digests below say. The design system is taken without the marks of GOV.UK: without its typeface,
which may be used on gov.uk alone, and without its crest.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "services" / "desk" / "static" / "vendor"
SYSTEM_FONT: Final = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif'
"""What the reader's own machine has: nothing is fetched, and Cyrillic is there."""


def as_it_is(text: str) -> str:
    """A file that is taken unchanged."""
    return text


def without_brand(css: str) -> str:
    """The style sheet with the system's font in the place of a typeface, and without the crest."""
    while (at := css.find("@font-face{")) >= 0:
        css = css[:at] + css[css.index("}", at) + 1 :]
    css = css.replace("GDS Transport,arial,sans-serif", SYSTEM_FONT)
    return css.replace("url(/assets/images/govuk-crest.svg)", "none")


@dataclass(frozen=True, slots=True)
class Taken:
    """A file of an npm package, what it is called here, and its digest as it lies here."""

    package: str
    path: str
    name: str
    sha256: str
    change: Callable[[str], str] = as_it_is


TAKEN: Final = (
    Taken(
        "govuk-frontend@6.3.0",
        "dist/govuk/govuk-frontend.min.css",
        "govuk-frontend-6.3.0.css",
        "81abe6b55dfd7cbec15a8d5b37f97188260df3f198b35e93e6b244122f274b4a",
        without_brand,
    ),
    Taken(
        "htmx.org@2.0.11",
        "dist/htmx.min.js",
        "htmx-2.0.11.js",
        "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    ),
    Taken(
        "htmx.org@2.0.11", "LICENSE", "htmx-LICENSE", "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38"
    ),
    Taken(
        "idiomorph@0.8.0",
        "dist/idiomorph-ext.min.js",
        "idiomorph-0.8.0.js",
        "5811b9a7eda14878b7dab4378bf60432e1bb6f11fcfb970cc26540642650181e",
    ),
    Taken(
        "idiomorph@0.8.0",
        "LICENSE",
        "idiomorph-LICENSE",
        "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    ),
)
"""`govuk-frontend-LICENSE` stands beside them by hand: the package names its licence (MIT) without the text."""


def lay(folder: Path) -> Mapping[str, str]:
    """Fetches all of them into a folder; their digests."""
    digests = dict[str, str]()
    with tempfile.TemporaryDirectory() as work:
        for one in TAKEN:
            content = one.change(_read(one, Path(work)))
            (folder / one.name).write_text(content, encoding="utf-8")
            digests[one.name] = digest(folder / one.name)
    return digests


def digest(path: Path) -> str:
    """By what a file is known."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(one: Taken, work: Path) -> str:
    archive = work / f"{one.package.replace('@', '-')}.tgz"
    if not archive.exists():
        subprocess.run(["npm", "pack", "--silent", one.package], cwd=work, check=True, capture_output=True)
    with tarfile.open(archive) as packed:
        found = packed.extractfile(f"package/{one.path}")
        assert found is not None
        return found.read().decode()


if __name__ == "__main__":
    laid = lay(FOLDER)
    odd = {one.name: laid[one.name] for one in TAKEN if laid[one.name] != one.sha256}
    for name, now in odd.items():
        print(f"{name} is {now}, and not what deploy/vendored.py says", file=sys.stderr)
    sys.exit(bool(odd))
