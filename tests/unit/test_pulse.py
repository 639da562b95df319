"""A loop that is held says so when it comes round again, and where it was while it is held."""

import asyncio
import logging
import time

import pytest
from prometheus_client import REGISTRY

from services.chassis import pulse
from services.chassis.pulse import Pulse
from services.chassis.readiness import NotReady
from tests.conftest import Eventually


def holds_the_loop(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_held_loop_is_told_of_with_where_it_was_and_no_longer_after_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    monkeypatch.setattr(pulse, "EVERY", 0.1)
    one = Pulse(most=0.5)
    beating = asyncio.create_task(one.beat())
    try:
        await asyncio.sleep(0)
        caplog.set_level(logging.CRITICAL)
        holds_the_loop(2.0)  # the pulse's own thread goes on meanwhile
        assert any("holds_the_loop" in line.getMessage() for line in caplog.records)
        await eventually(lambda: one._worst() > 1, within=30)
        assert (REGISTRY.get_sample_value("lotsman_loop_late_seconds") or 0) > 1
        with pytest.raises(NotReady, match="the event loop was held for"):
            await one.check()
        monkeypatch.setattr(pulse, "TOLD_FOR", 0.0)
        one._came(one._beat_at + pulse.EVERY)
        await one.check()
    finally:
        beating.cancel()
