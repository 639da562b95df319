"""The certificates of those who are asked over TLS: each is looked at whatever it says, for one that has ended, or that
nobody trusts, is what is to be told of."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from services.chassis.ends import CERTIFICATE_ENDS
from services.chassis.saying import why
from services.chassis.settings import Settings
from services.chassis.store import tls_hosts

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 3600.0
"""Seconds between two looks at certificates."""
LOOK_AGAIN: Final = 60.0
"""The same where one could not be looked at."""
WITHIN: Final = 5.0
"""Seconds for one look."""
KAFKA, MONGO, KEYS = "kafka", "mongo", "keys"
HTTPS: Final = 443

Host = tuple[str, int]


async def looking(settings: Settings) -> None:
    """Looks at the certificates of all that is asked over TLS, for the life of the process."""
    hosts = tls_places(settings)
    while True:
        found = [await _looked_at(of, some) for of, some in hosts.items() if some]
        await asyncio.sleep(LOOK_EVERY if all(found) else LOOK_AGAIN)


def tls_places(settings: Settings) -> dict[str, list[Host]]:
    """Whom this process asks over TLS, by what it is."""
    kafka = [_host(one) for one in settings.kafka_url.split(",")] if settings.kafka_tls else []
    keys = urlsplit(settings.jwks)
    of_keys = [(keys.hostname, keys.port or HTTPS)] if keys.scheme.lower() == "https" and keys.hostname else []
    return {KAFKA: kafka, MONGO: tls_hosts(settings.mongo_url.get_secret_value()), KEYS: of_keys}


def _host(text: str) -> Host:
    name, _, port = text.strip().rpartition(":")
    return name, int(port)


async def _looked_at(of: str, hosts: Sequence[Host]) -> bool:
    """Tells when the first of their certificates ends; whether all could be looked at."""
    ends = list[datetime]()
    for host, port in hosts:
        try:
            ends.append(await certificate_end(host, port))
        except Exception as error:  # whatever it is: what it keeps from working is told of elsewhere
            log.warning("the certificate of %s cannot be looked at: %s", of, why(error))
    if ends:
        CERTIFICATE_ENDS.labels(of).set(min(ends).timestamp())
    return len(ends) == len(hosts)


async def certificate_end(host: str, port: int) -> datetime:
    """When the certificate ends that is shown at an address. Raises OSError, TimeoutError, and ValueError for what is
    no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = (
        False,
        ssl.CERT_NONE,
    )  # nothing is sent, and nothing believed but a day
    async with asyncio.timeout(WITHIN):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        try:
            shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.close()
            with suppress(Exception):  # it was only looked at: how the other side takes leave is all one
                await writer.wait_closed()
    return x509.load_der_x509_certificate(shown).not_valid_after_utc
