"""Facts of the expertise service (оператор экспертизы): its topic is `pilots.expertise.v1`.

Every step of a review stands here, so that a reader of the topic alone knows each queue. `notify` names the
persons (opaque ids) whom a fact concerns: their notices are a fold of these facts. It is one thing, long as it is: the
whole language of one topic, whose facts are read beside each other.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field, JsonValue

from .event import Contract, Fact, Language, Moment
from .intake import Registered, Submission
from .reference import (
    Application,
    ItemId,
    OrganisationId,
    ReturnReason,
)
from .steps import (
    Answers,
    Appeal,
    AppealRuling,
    Concluded,
    Ending,
    ErasedPerson,
    ExpertEntry,
    ListMade,
    Opinion,
    Question,
    Reason,
    RecordHandling,
    RecordSkipping,
    TakenList,
    TeamEntry,
    Ties,
    WrittenConclusion,
)
from .terms import (
    TermBreached,
    TermEnded,
    TermExtended,
    TermNearing,
    TermRecalendared,
    TermResumed,
    TermStarted,
    TermSuspended,
)
from .text import prose

People = tuple[str, ...]
"""Opaque ids of persons."""


class ReviewKind(StrEnum):
    """What is reviewed: первичная экспертиза, повторная экспертиза, зачёт, тиражирование."""

    FIRST = "first"
    REPEAT = "repeat"
    CREDIT = "credit"
    REPLICATION = "replication"


class Change(Contract):
    """A field of the application that differs from the round before (изменение заявки)."""

    field: str
    before: JsonValue = None
    after: JsonValue = None


class Opening(Submission):
    """How a round of the expertise begins. `round` counts from 1, `needed` is how many opinions are asked for.

    A repeat names the conclusion before it (`earlier`, its number), what changed in the application, and what the
    applicant says to have done about each remark.
    """

    round: int
    kind: ReviewKind
    opened: Moment
    needed: int
    earlier: str | None = None
    changes: tuple[Change, ...] = ()


class ReviewOpenedV1(Opening, Registered, Fact):
    """The expertise of an accepted application began (экспертиза начата)."""

    TYPE: ClassVar[str] = "pilots.expertise.review-opened.v1"

    notify: People = ()


# ---- terms


class TermStartedV1(TermStarted):
    """A term began to run (срок начал течь)."""

    TYPE: ClassVar[str] = "pilots.expertise.term-started.v1"


class TermSuspendedV1(TermSuspended):
    """The clock was stopped (срок приостановлен)."""

    TYPE: ClassVar[str] = "pilots.expertise.term-suspended.v1"


class TermResumedV1(TermResumed):
    """The clock runs again (течение срока возобновлено)."""

    TYPE: ClassVar[str] = "pilots.expertise.term-resumed.v1"


class TermExtendedV1(TermExtended):
    """A term was extended by days of its unit (срок продлён)."""

    TYPE: ClassVar[str] = "pilots.expertise.term-extended.v1"


class TermNearingV1(TermNearing):
    """Rungs of a term's reminder ladder were reached (напоминание о сроке): days that were left, the most first."""

    TYPE: ClassVar[str] = "pilots.expertise.term-nearing.v1"

    notify: People = ()


class TermBreachedV1(TermBreached):
    """A term ran out before what it bounds was done (срок нарушен). An alarm, never an automatic consent."""

    TYPE: ClassVar[str] = "pilots.expertise.term-breached.v1"

    notify: People = ()


class TermRecalendaredV1(TermRecalendared):
    """A running term was counted anew because its calendar changed (срок пересчитан по новому календарю)."""

    TYPE: ClassVar[str] = "pilots.expertise.term-recalendared.v1"

    notify: People = ()


class TermEndedV1(TermEnded):
    """A term ended because what it bounds was done or fell away (срок прекращён)."""

    TYPE: ClassVar[str] = "pilots.expertise.term-ended.v1"


# ---- what happens in a round


class OfRound(Fact):
    """Something that happened in a round of a case."""

    round: int


class ToldOfRound(OfRound):
    """Something in a round that concerns these persons."""

    notify: People = ()


class OfExpert(ToldOfRound):
    """Something about an expert of a round."""

    expert_id: str


# ---- who works on it


class CaseClaimedV1(OfRound):
    """An operator took the case in hand (взято в работу)."""

    TYPE: ClassVar[str] = "pilots.expertise.case-claimed.v1"

    operator_id: str


class CaseReleasedV1(Reason, ToldOfRound):
    """An operator gave the case back to the queue (возвращено в очередь)."""

    TYPE: ClassVar[str] = "pilots.expertise.case-released.v1"

    operator_id: str


class Seat(Ties):
    """What is known of an expert at a review; `entry` is the version of the directory entry that says so."""

    expert_id: str
    entry: int


class ExpertAssignedV1(OfExpert):
    """An operator assigned an expert (эксперт назначен), who may accept or decline. `instead_of`: taken over from."""

    TYPE: ClassVar[str] = "pilots.expertise.expert-assigned.v1"

    at: Moment
    seat: Seat
    instead_of: str | None = None


class ExpertAcceptedV1(OfExpert):
    """The expert accepted the assignment (эксперт согласился)."""

    TYPE: ClassVar[str] = "pilots.expertise.expert-accepted.v1"


class ExpertDeclinedV1(Reason, OfExpert):
    """The expert declined the assignment (эксперт отказался)."""

    TYPE: ClassVar[str] = "pilots.expertise.expert-declined.v1"


class ExpertReleasedV1(Reason, OfExpert):
    """An operator took the assignment back (эксперт освобождён), e.g. to hand it over to `to`."""

    TYPE: ClassVar[str] = "pilots.expertise.expert-released.v1"

    to: str | None = None


# ---- conflicts of interest


class ConflictKind(StrEnum):
    """Why an expert is not free: same organisation as a party, one group with it, took part in the application, an
    interest of the expert's own, expert of the challenged round, or declared in this case."""

    SAME_ORGANISATION = "same-organisation"
    SAME_GROUP = "same-group"
    TOOK_PART = "took-part"
    INTEREST = "interest"
    EARLIER_ROUND = "earlier-round"
    DECLARED = "declared"


class Conflict(Contract):
    """A conflict of interest (конфликт интересов): the kind, with whom (a role of the application), and in words."""

    kind: ConflictKind
    party: str | None = None
    organisation: OrganisationId | None = None
    text: str | None = Field(default=None, max_length=4000)


class ConflictFoundV1(OfExpert):
    """A conflict came to light, derived or declared (выявлен конфликт интересов). An assigned expert's opinion is
    frozen until it is decided."""

    TYPE: ClassVar[str] = "pilots.expertise.conflict-found.v1"

    at: Moment
    conflicts: tuple[Conflict, ...]


class ConflictDismissedV1(Reason, OfExpert):
    """A second person found these conflicts to be false alarms (конфликт не подтверждён), with a reason. `hidden`:
    another conflict of the expert's is confirmed, so the case stays hidden from the expert all the same."""

    TYPE: ClassVar[str] = "pilots.expertise.conflict-dismissed.v1"

    at: Moment
    conflicts: tuple[Conflict, ...]
    hidden: bool = False


class ConflictConfirmedV1(Reason, OfExpert):
    """A conflict is real (конфликт подтверждён): the expert leaves the case, and the opinion does not count."""

    TYPE: ClassVar[str] = "pilots.expertise.conflict-confirmed.v1"


class TiesCheckedV1(OfRound):
    """The directory entry of somebody who is not on the case was checked against its parties (связи проверены), as
    `seat` says it; `ties` are what ties the person to them, and none when nothing does any more. Nobody owes a
    decision on that. `hidden`: after it the case is hidden from the person."""

    TYPE: ClassVar[str] = "pilots.expertise.ties-checked.v1"

    expert_id: str
    at: Moment
    seat: Seat
    ties: tuple[Conflict, ...] = ()
    hidden: bool = False


ConflictFact = ConflictFoundV1 | ConflictDismissedV1 | ConflictConfirmedV1 | TiesCheckedV1
"""Every fact by which a case comes to be hidden from a person, or is shown again."""


def hides(fact: ConflictFact) -> bool:
    """Whether the case is hidden from the fact's person after it, whatever roles that person has, and in whichever
    service: a conflict hides until a second person has dismissed it, a tie also no longer than there is one."""
    return fact.hidden if isinstance(fact, ConflictDismissedV1 | TiesCheckedV1) else True


class ExpertRecheckedV1(OfRound):
    """The directory entry of an assigned expert changed, and the case was checked against it."""

    TYPE: ClassVar[str] = "pilots.expertise.expert-rechecked.v1"

    seat: Seat


# ---- opinions


class OpinionGivenV1(Opinion, OfExpert):
    """An assigned expert gave an opinion, or changed it (мнение эксперта); every version stays.

    `version` counts from 1; `total` is the weighted sum of the scores in basis points of the highest possible one.
    """

    TYPE: ClassVar[str] = "pilots.expertise.opinion-given.v1"

    at: Moment
    version: int
    total: int | None = None


class FurtherOpinionCalledV1(ToldOfRound):
    """The opinions differ by more than the edition bears: one more is called for (нужно ещё одно мнение)."""

    TYPE: ClassVar[str] = "pilots.expertise.further-opinion-called.v1"

    needed: int
    why: str


# ---- requests for information


class InformationRequestedV1(Question, OfRound):
    """An operator asked the applicant for information (запрос сведений). `due_at` is when the answers are due;
    `stops_clock`: the review's own term stands meanwhile."""

    TYPE: ClassVar[str] = "pilots.expertise.information-requested.v1"

    submission: int = 1
    at: Moment
    request: str
    due_at: Moment
    stops_clock: bool


class AnswersTakenV1(Answers, ToldOfRound):
    """The applicant answered items of a request; `application` is as it stands with the answers."""

    TYPE: ClassVar[str] = "pilots.expertise.answers-taken.v1"

    open_items: tuple[ItemId, ...]
    application: Application
    changes: tuple[Change, ...] = ()


class RequestOutcome(StrEnum):
    """How a request ended: answered, cancelled by the operator, expired, or fallen away with the case."""

    ANSWERED = "answered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CLOSED = "closed"


class RequestClosedV1(ToldOfRound):
    """A request for information is no longer open (запрос закрыт)."""

    TYPE: ClassVar[str] = "pilots.expertise.request-closed.v1"

    request: str
    outcome: RequestOutcome


# ---- conclusions


AUTHOR: Final = "author"
APPROVER: Final = "approver"
SignerRole = Literal["author", "approver"]
"""Who wrote a conclusion (составил), and who approved it (утвердил)."""


class Signer(Contract):
    """Who signed a conclusion, by opaque id: its author (составил) and who approved it (утвердил)."""

    person_id: str
    role: SignerRole


class ConclusionDraftedV1(WrittenConclusion, OfRound):
    """An operator wrote the conclusion (проект заключения); a second person must approve it. `replaces`: an appeal
    ended in it, and it amends that conclusion."""

    TYPE: ClassVar[str] = "pilots.expertise.conclusion-drafted.v1"

    at: Moment
    replaces: str | None = None


class ConclusionSentBackV1(Reason, ToldOfRound):
    """The second person sent the draft back (проект возвращён на доработку)."""

    TYPE: ClassVar[str] = "pilots.expertise.conclusion-sent-back.v1"


class ApprovedConclusion(Concluded, WrittenConclusion):
    """A conclusion that a second person approved; `judges` are the experts on whose opinions it rests."""

    submission: int = 1
    signers: tuple[Signer, ...]
    judges: People = ()


class ConclusionApprovedV1(ApprovedConclusion, Fact):
    """The second person approved the conclusion (заключение утверждено); its number is drawn from the series, which
    is the subject of its year's numbers."""

    TYPE: ClassVar[str] = "pilots.expertise.conclusion-approved.v1"

    edition: str
    series: str
    notify: People = ()


class PaperForm(StrEnum):
    """In which forms a conclusion is issued on paper: PDF for the file, DOCX for work in an office."""

    PDF = "pdf"
    DOCX = "docx"


class PaperDigest(Contract):
    """Of an issued paper (документ заключения): its form, the SHA-256 of its bytes in lower-case hex, how many they
    are. The bytes themselves hold the names of signers and stand in no fact."""

    form: PaperForm
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int


class ConclusionIssuedV1(ApprovedConclusion, Fact):
    """The conclusion on the expertise is in force under its number (заключение экспертизы). `papers` are those that it
    was issued as; a fact of an earlier program names none."""

    TYPE: ClassVar[str] = "pilots.expertise.conclusion-issued.v1"

    agency: str
    number: str
    rounds_left: int
    papers: tuple[PaperDigest, ...] = ()
    notify: People = ()


class ConclusionNumberedV1(Fact):
    """A conclusion got the next number of its yearly series (присвоен номер); no number is left out or given twice."""

    TYPE: ClassVar[str] = "pilots.expertise.conclusion-numbered.v1"

    pilot: str
    approval: int
    place: int
    number: str


# ---- appeals and the end


class AppealOpenedV1(Appeal, OfRound):
    """An appeal against the conclusion was opened on a document (обжалование)."""

    TYPE: ClassVar[str] = "pilots.expertise.appeal-opened.v1"

    at: Moment
    number: str


class AppealDecidedV1(AppealRuling, ToldOfRound):
    """Others than those who made the conclusion decided on the appeal (решение по жалобе)."""

    TYPE: ClassVar[str] = "pilots.expertise.appeal-decided.v1"

    number: str


class ConclusionAnnulledV1(OfRound):
    """A conclusion lost its force (заключение отменено); it stays readable, its number is not used again."""

    TYPE: ClassVar[str] = "pilots.expertise.conclusion-annulled.v1"

    agency: str
    number: str


class Closure(StrEnum):
    """Why a review ended without a conclusion: returned to the applicant, refused, withdrawn by the applicant,
    stopped, or overtaken by a new submission."""

    RETURNED = "returned"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    OVERTAKEN = "overtaken"


class Ended(Ending):
    """How a review ended without a conclusion; only what people end needs reasons."""

    outcome: Closure
    at: Moment
    reasons: tuple[ReturnReason, ...] = ()


class ReviewClosedV1(Ended, ToldOfRound):
    """The review ended without a conclusion (экспертиза прекращена), with the reason; all that was open is closed."""

    TYPE: ClassVar[str] = "pilots.expertise.review-closed.v1"

    agency: str
    submission: int = 1
    rounds_left: int


# ---- the directory


class ExpertEnteredV1(ExpertEntry, Fact):
    """An expert was entered in the directory, or the entry changed (база экспертов)."""

    TYPE: ClassVar[str] = "pilots.expertise.expert-entered.v1"

    expert_id: str


class PersonErasedV1(ErasedPerson, Fact):
    """A person's data was erased from the expertise (персональные данные удалены); the opaque id stays."""

    TYPE: ClassVar[str] = "pilots.expertise.person-erased.v1"


class RecordHandledV1(RecordHandling, Fact):
    """Records that expertise had set aside were handled by those who run it (разобраны отложенные записи). Subject
    `handling:<id>`."""

    TYPE: ClassVar[str] = "pilots.expertise.record-handled.v1"


class RecordSkippedV1(RecordSkipping, Fact):
    """A record at which expertise's reader stood still was to be passed over: who said so and why (запись пропущена).
    Subject `skipping:<id>`."""

    TYPE: ClassVar[str] = "pilots.expertise.record-skipped.v1"


class TeamEnteredV1(TeamEntry, Fact):
    """A team of operators was entered, or its entry changed (группа): its members and the sectors it looks after."""

    TYPE: ClassVar[str] = "pilots.expertise.team-entered.v1"

    code: str


class ListTakenV1(TakenList, Fact):
    """Somebody took a list of cases out of the expertise (выгрузка): who, which list, how much, why. Subject
    `export:<id>`."""

    TYPE: ClassVar[str] = "pilots.expertise.list-taken.v1"

    why: Annotated[str, prose(1000, least=3), Field(description="What the list is for: it is kept for good")]
    asked: Moment


class ListReadyV1(ListMade, Fact):
    """A list that was asked for is ready, or could not be made (выгрузка готова)."""

    TYPE: ClassVar[str] = "pilots.expertise.list-ready.v1"


CaseFact = (
    ReviewOpenedV1
    | TermStartedV1
    | TermSuspendedV1
    | TermResumedV1
    | TermExtendedV1
    | TermNearingV1
    | TermBreachedV1
    | TermRecalendaredV1
    | TermEndedV1
    | CaseClaimedV1
    | CaseReleasedV1
    | ExpertAssignedV1
    | ExpertAcceptedV1
    | ExpertDeclinedV1
    | ExpertReleasedV1
    | ConflictFoundV1
    | ConflictDismissedV1
    | ConflictConfirmedV1
    | TiesCheckedV1
    | ExpertRecheckedV1
    | OpinionGivenV1
    | FurtherOpinionCalledV1
    | InformationRequestedV1
    | AnswersTakenV1
    | RequestClosedV1
    | ConclusionDraftedV1
    | ConclusionSentBackV1
    | ConclusionApprovedV1
    | ConclusionIssuedV1
    | AppealOpenedV1
    | AppealDecidedV1
    | ConclusionAnnulledV1
    | ReviewClosedV1
)
"""Every fact about a case; who matches on it says something of each."""

NotifyingFact = (
    ReviewOpenedV1
    | TermNearingV1
    | TermBreachedV1
    | TermRecalendaredV1
    | ToldOfRound
    | ConclusionApprovedV1
    | ConclusionIssuedV1
)
"""Every fact that names the persons whom it concerns."""

DirectoryFact = ExpertEnteredV1 | PersonErasedV1
"""Every fact about an expert of the directory."""

ExportFact = ListTakenV1 | ListReadyV1
"""Every fact of a list that was taken out."""

ExpertiseFact = (
    CaseFact | ConclusionNumberedV1 | DirectoryFact | TeamEnteredV1 | RecordHandledV1 | RecordSkippedV1 | ExportFact
)
"""Every fact of the expertise: those about cases, the series of numbers, the directory, the teams, what was set
aside, and lists that were taken out."""

EXPERTISE: Final = Language[Fact](get_args(ExpertiseFact))
