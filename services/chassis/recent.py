"""Documents as this process last wrote or read them, so that the next batch need not load them again.

It is never the last word: a write goes under the guard of `rev`, so one that was decided on an older document misses,
and the document is loaded. What makes no write (a duplicate, something that waits) is decided on a loaded one.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from services.chassis.subject import Document

MOST_FACTS: Final = 8_000
"""Of how many facts the documents kept in memory are made, all together: that bounds their size as well."""


class Recent:
    """The documents that were at work last, up to `most` facts in all."""

    def __init__(self, most: int = MOST_FACTS) -> None:
        self._most = most
        self._facts = 0
        self._documents: OrderedDict[str, Document] = OrderedDict()

    def take(self, subjects: Iterable[str]) -> dict[str, Document]:
        """Gives these documents out of memory: whoever takes one puts back what became of it."""
        found = dict[str, Document]()
        for subject in subjects:
            if (document := self._documents.pop(subject, None)) is not None:
                self._facts -= _facts_in(document)
                found[subject] = document
        return found

    def keep(self, document: Document) -> None:
        """Keeps a document that is stored, unless a newer one of its subject is here."""
        for known in self.take([document.subject]).values():
            if known.rev > document.rev:
                document = known
        self._documents[document.subject] = document
        self._facts += _facts_in(document)
        while self._facts > self._most:
            _, oldest = self._documents.popitem(last=False)
            self._facts -= _facts_in(oldest)


def _facts_in(document: Document) -> int:
    return document.version + 1
