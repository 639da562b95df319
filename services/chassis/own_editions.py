"""Whether all editions are there that what is stored was decided by: those of one's own come from a folder, which must
be named at each start."""

from collections.abc import Iterable
from typing import Final

from contracts.rules import RuleBook
from services.chassis.marks import Behind
from services.chassis.store import SUBJECTS, Keys, Store

BY_EDITION: Final[Keys] = (("kind", 1), ("state.edition", 1))
"""By which the editions of all subjects of a kind are found, however many there are."""


async def need_stored(store: Store, kind: str, rules: RuleBook) -> None:
    """Raises Behind where subjects of this kind follow editions that are not known here, and StoreAway."""
    followed = await store.distinct(SUBJECTS, "state.edition", {"kind": kind})
    need_known((one, "stored pilots") for one in followed if one not in rules)


def need_known(missing: Iterable[tuple[str, str]]) -> None:
    """Raises Behind with each edition that is missing, and of whom, if there are any."""
    if named := "; ".join(f"{edition} (of {who})" for edition, who in missing):
        raise Behind(
            f"Editions are followed that are not known here: {named}. LOTSMAN_EDITIONS must name the folder that has "
            "them, at each start. See docs/changing-rules.md."
        )
