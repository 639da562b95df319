"""The span of every record that is sent, a fact or a receipt, whoever sends it and however often it is tried."""

from collections.abc import Sequence
from dataclasses import replace

from opentelemetry.trace import Span

from services.chassis import telemetry
from services.chassis.message import Message, Send


def in_spans(send: Send) -> Send:
    """Sends as `send` does, each record in a span of its own: its parent is the trace that the record's headers carry,
    and behind it they carry the span. Of a record without a trace, or of one that is not recorded, no span is made and
    its headers go as they are."""

    async def sent(messages: Sequence[Message], /) -> Sequence[BaseException | None]:
        spans = [telemetry.send_span(one.topic, one.headers, len(one.value)) for one in messages]
        answers = await send([_behind(span, one) for span, one in zip(spans, messages, strict=True)])
        for span, error in zip(spans, answers, strict=True):
            if error is not None:
                telemetry.failed(span, error)
            span.end()
        return answers

    return sent


def _behind(span: Span, one: Message) -> Message:
    if not span.is_recording():
        return one
    return replace(one, headers={**one.headers, **telemetry.carrier_of(span)})
