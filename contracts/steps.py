"""What people enter and what executors report (шаги и отчёты): each said once.

A step is the HTTP body that brings it, a part of the fact that records it, and the entry that is stored:
`class EffectivenessJudgedV1(Judgement, Fact)`. Its bounds are asked when it is entered (`contracts.entered`), never
when it is read again.
"""

from contracts.event import Contract


class Step(Contract):
    """Something that a person enters, or an executor reports."""
