"""What a case is made of (части дела): a round with its experts, their opinions, its terms and requests; conflicts,
conclusions and appeals. Each is a person's step as it was recorded, and what became of it."""

from enum import StrEnum

from contracts.event import Basis, Contract, Moment
from contracts.expertise import ApprovedConclusion, Conflict, Ended, Opening, PaperDigest, RequestOutcome, Seat
from contracts.reference import ItemAnswer, Standing
from contracts.steps import Appeal, AppealOutcome, Opinion, Question, WrittenConclusion
from services.law.terms import CountedTerms


class PlaceStatus(StrEnum):
    """How an expert stands to an assignment: предложено, согласие, отказ, освобождён, отстранён."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    RELEASED = "released"
    REMOVED = "removed"


class GivenOpinion(Opinion):
    """One version of an expert's opinion; the last one counts, the earlier ones stay."""

    given: Moment
    version: int
    total: int | None = None


class Place(Contract):
    """An expert's assignment in a round (назначение эксперта)."""

    seat: Seat
    status: PlaceStatus = PlaceStatus.OFFERED
    assigned: Moment
    assigned_by: str
    opinions: tuple[GivenOpinion, ...] = ()

    @property
    def expert(self) -> str:
        """The expert's opaque id."""
        return self.seat.expert_id

    @property
    def active(self) -> bool:
        """Whether the expert is on the case."""
        return self.status in (PlaceStatus.OFFERED, PlaceStatus.ACCEPTED)


class ConflictStatus(StrEnum):
    """What was decided on a conflict: не рассмотрен, признан незначимым, подтверждён."""

    OPEN = "open"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"


class KnownConflict(Contract):
    """A conflict of interest that came to light, and what was decided on it."""

    expert_id: str
    conflict: Conflict
    found: Moment
    raised_by: str
    status: ConflictStatus = ConflictStatus.OPEN
    decided_by: str | None = None
    why: str | None = None


class KnownTies(Contract):
    """What ties somebody who is not on the case to its parties, by the own entry in the directory (связи)."""

    seat: Seat
    ties: tuple[Conflict, ...]


class Request(Question):
    """A request for information to the applicant (запрос сведений) with the answers that came."""

    id: str
    asked: Moment
    asked_by: str
    answers: tuple[ItemAnswer, ...] = ()
    outcome: RequestOutcome | None = None
    stopped_clock: bool = False

    @property
    def open_items(self) -> tuple[str, ...]:
        """The items that nobody has answered."""
        answered = {answer.item for answer in self.answers}
        return tuple(item.id for item in self.items if item.id not in answered)


class Draft(WrittenConclusion):
    """A conclusion before a second person approved it. `replaces`: it amends that one."""

    author: str
    written: Moment
    replaces: str | None = None


class Conclusion(ApprovedConclusion):
    """A conclusion under its number, and its papers. One that lost its force stays readable."""

    number: str
    papers: tuple[PaperDigest, ...] = ()
    standing: Standing = Standing.IN_FORCE


class KnownAppeal(Appeal):
    """An appeal against a conclusion (обжалование); one that a new round overtakes is never decided.

    `outcome`, `why` and `decided_basis` are those of its ruling (`contracts.steps.AppealRuling`), which is no base:
    it is stored and shown flat, nothing of a ruling may be there yet, and `basis` is the document of the appeal.
    """

    round: int
    number: str
    opened: Moment
    opened_by: str
    outcome: AppealOutcome | None = None
    why: str | None = None
    decided_by: str | None = None
    decided_basis: Basis | None = None


class Round(Opening):
    """A round of the expertise: what was reviewed, by whom, within which terms, and how it ended.

    `wrote` are the authors of its drafts (but of amendments), `sent_back_by` who sent a draft back: a draft that
    is gone leaves the duty that they had.
    """

    submission: int = 1
    operator: str | None = None
    wrote: tuple[str, ...] = ()
    sent_back_by: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    terms: CountedTerms = ()
    requests: tuple[Request, ...] = ()
    closed: Ended | None = None
