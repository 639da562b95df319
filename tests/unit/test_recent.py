"""What is kept in memory of documents: bounded, and never the older of two."""

from services.chassis.recent import Recent
from services.chassis.subject import Document


def document(subject: str, rev: int = 1, version: int = 1) -> Document:
    """A stored document."""
    return Document(subject, "pilot", rev=rev, version=version)


def test_a_document_is_given_out_once_and_belongs_to_who_took_it() -> None:
    recent = Recent()
    recent.keep(document("p1"))
    assert recent.take(["p1", "p2"]) == {"p1": document("p1")}
    assert recent.take(["p1"]) == {}


def test_an_older_sight_does_not_displace_a_newer_one() -> None:
    recent = Recent()
    recent.keep(document("p1", rev=3))
    recent.keep(document("p1", rev=2))
    assert recent.take(["p1"])["p1"].rev == 3


def test_those_that_were_at_work_longest_ago_make_room_by_how_many_facts_documents_are_made_of() -> None:
    recent = Recent(most=10)
    for n in range(4):
        recent.keep(document(f"p{n}", version=2))
    assert sorted(recent.take([f"p{n}" for n in range(4)])) == ["p1", "p2", "p3"]
    recent.keep(document("p1", version=2))
    recent.keep(document("large", version=1000))
    assert recent.take(["p1", "large"]) == {}, "what alone is above the bound is not kept"
    for turn in range(100):
        recent.keep(document("p1", rev=turn, version=2))
    recent.keep(document("p2", version=2))
    assert len(recent.take(["p1", "p2"])) == 2, "the same subject many times is counted once"
