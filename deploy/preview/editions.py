"""A changed edition before any stored event is read: every fault of its files, and the rule book that it makes."""

from collections.abc import Mapping
from pathlib import Path

from contracts import own
from contracts.calendars import load_calendars, own_calendars
from contracts.data import texts
from contracts.rules import Edition, RuleBook, missing_calendars
from deploy.complaint import Complaint


def changed(book: RuleBook, files: Mapping[str, str | None]) -> RuleBook:
    """The book in which a file stands for an edition: for that of its own id, for the one that it extends, or for the
    one whose id is given beside it. Raises Complaint with every fault of all files."""
    editions, faults = looked_over(book, files)
    if faults:
        raise Complaint("\n".join(faults))
    return book.with_(*editions)


def looked_over(book: RuleBook, files: Mapping[str, str | None]) -> tuple[list[Edition], list[str]]:
    """The editions that these files say, and every fault in them. Calendars that stand beside a file, as in a folder
    of editions, are known to it."""
    packaged, editions, faults = own.by_id(texts()), list[Edition](), list[str]()
    of_folders = [own_calendars(folder)[0] for folder in {Path(path).parent for path in files}]
    known = {one.id for one in load_calendars()}.union(*of_folders)
    for path, instead in files.items():
        found, wrong = own.read_file(Edition, packaged, Path(path))
        faults += [f"{path}: {what}" for what in wrong]
        if found is None:
            continue
        faults += [f"{path}: {what}" for what in missing_calendars(found, known)]
        stands_for = instead or (found.id if found.id in book else own.extended(Path(path)))
        if stands_for in book:
            editions.append(found.model_copy(update={"id": stands_for}))
        else:
            faults.append(f"{path}: for which edition does it stand? --instead-of says it: {', '.join(sorted(book))}")
    return editions, faults
