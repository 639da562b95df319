"""A process of a service that only reads: it tells how it is, and takes nothing over HTTP."""

import asyncio
from pathlib import Path

import httpx
import pytest

from contracts.topics import EXPERTISE
from deploy.cli.desk import Desk
from deploy.local.ports import Ports
from deploy.local.process import Process
from deploy.local.stack import Stack, commands
from tests.conftest import Eventually

pytestmark = [pytest.mark.timeout(180)]


def test_a_process_that_only_reads_has_health_and_metrics_and_no_doors(
    stack: Stack, desk: Desk, tmp_path: Path, eventually: Eventually
) -> None:
    port = Ports.free()[EXPERTISE]
    env = {**stack.service_env(EXPERTISE), "LOTSMAN_HTTP_PORT": str(port), "LOTSMAN_ONLY": "consumers"}
    reader = Process("reader", "A reader", commands()[EXPERTISE], tmp_path, env)
    ops = {"Authorization": f"Bearer {stack.token(['ops'])}"}
    reader.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=ops, timeout=20, trust_env=False) as http:

            def ready() -> bool:
                reader.need_running()
                try:
                    return http.get("/health/ready").status_code == 200
                except httpx.TransportError:
                    return False

            asyncio.run(eventually(ready, within=90, every=0.2))
            assert http.get("/health/live").status_code == 200
            assert "lotsman_lag_records" in http.get("/metrics").text
            asyncio.run(eventually(lambda: http.get("/v1/reading").json()["items"], within=60, every=0.2))
            assert http.get("/v1/reviews").status_code == 404
            assert desk.call("GET", EXPERTISE, "/v1/reviews", "operator").status_code == 200, "others take requests"
    finally:
        reader.kill()
