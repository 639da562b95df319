"""Facts of the expertise service (оператор экспертизы): its topic is `pilots.expertise.v1`."""

from typing import ClassVar, Final

from contracts.event import Fact, Language, Moment
from contracts.reference import Application, OrganisationId, Remark, Verdict


class ReviewOpenedV1(Fact):
    """The expertise of an accepted application began (экспертиза начата). `round` counts from 1."""

    TYPE: ClassVar[str] = "pilots.expertise.review-opened.v1"

    agency: str
    number: str
    edition: str
    round: int
    opened: Moment
    application: Application


class ExpertAssignedV1(Fact):
    """An operator assigned an expert (эксперт назначен); `expert_id` is opaque."""

    TYPE: ClassVar[str] = "pilots.expertise.expert-assigned.v1"

    round: int
    expert_id: str
    organisation: OrganisationId


class OpinionGivenV1(Fact):
    """An assigned expert gave an opinion (мнение эксперта)."""

    TYPE: ClassVar[str] = "pilots.expertise.opinion-given.v1"

    round: int
    expert_id: str
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()


class ConclusionIssuedV1(Fact):
    """The operator's conclusion on the expertise (заключение экспертизы)."""

    TYPE: ClassVar[str] = "pilots.expertise.conclusion-issued.v1"

    round: int
    concluded: Moment
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()


EXPERTISE: Final = Language[Fact]((ReviewOpenedV1, ExpertAssignedV1, OpinionGivenV1, ConclusionIssuedV1))
