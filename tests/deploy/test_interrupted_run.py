"""What the workers of a run of tests leave behind when they are ended in the middle of one goes with the run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.local.process import Process
from tests.conftest import Eventually
from tests.sharing import Controller


async def test_a_system_that_an_ended_worker_left_running_is_stopped_with_the_run_and_no_other(
    tmp_path: Path, eventually: Eventually
) -> None:
    run, other = tmp_path / "run", tmp_path / "run-of-somebody-else"
    left = Process("left", "a service", ["sleep", "100"], run / "popen-gw0" / "stack")
    theirs = Process("theirs", "a service", ["sleep", "100"], other / "popen-gw0" / "stack")
    left.start()
    theirs.start()
    try:
        config: Any = SimpleNamespace(_tmp_path_factory=SimpleNamespace(getbasetemp=lambda: run))
        Controller().pytest_unconfigure(cast(pytest.Config, config))
        await eventually(lambda: left.pid is None, within=20)
        assert theirs.pid is not None
    finally:
        left.kill()
        theirs.kill()
