"""A record to publish, and how several are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One record to publish."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Send(Protocol):
    """Publishes messages together and tells for each whether Kafka acknowledged it (None) or what went wrong.

    Those of one topic and key are published in their order, and none behind one that was not acknowledged.
    """

    async def __call__(self, messages: Sequence[Message], /) -> Sequence[BaseException | None]: ...


def acknowledged(messages: Sequence[Message], answers: Sequence[BaseException | None]) -> Iterator[Message]:
    """Those of these messages that Kafka acknowledged."""
    return (one for one, answer in zip(messages, answers, strict=True) if answer is None)
