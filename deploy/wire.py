"""Asks a broker what no client library asks: one request of Kafka's protocol, and its answer."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request

from deploy.complaint import Complaint
from deploy.login import Login


def asked(login: Login, request: Request[Any], about: str) -> Any:
    """The answer of the broker, also where the caller runs in an event loop. Raises Complaint."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _answer(login, request, about)).result()


async def _answer(login: Login, request: Request[Any], about: str) -> Any:
    client = AIOKafkaClient(**login.aiokafka())
    try:
        await client.bootstrap()
        return await client.send(client.get_random_node(), request)
    except (KafkaError, OSError) as error:
        raise Complaint(f"Kafka does not answer about {about}: {type(error).__name__}") from error
    finally:
        await client.close()
