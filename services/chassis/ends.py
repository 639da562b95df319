"""What ends some day: tokens, keys and certificates, each told as the moment at which it does, so that whoever is woken
was warned before."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from prometheus_client import Gauge

CERTIFICATE_ENDS: Final = Gauge(
    "lotsman_certificate_ends_timestamp_seconds", "When a certificate ends; of several the first", ["of"]
)
TOKEN_ENDS: Final = Gauge(
    "lotsman_token_ends_timestamp_seconds", "When the token ends with which these figures were asked for last"
)
KEYS_FETCHED: Final = Gauge(
    "lotsman_signing_keys_fetched_timestamp_seconds",
    "When the keys by which tokens are signed were fetched last; where they are in a file: 0",
)
KEY_ENDS: Final = Gauge(
    "lotsman_agency_key_ends_timestamp_seconds", "When a key of an agency ends that has no successor", ["agency"]
)
SIGNING: Final = "signing-keys"


def tell_signing_keys(keys: Iterable[Mapping[str, Any]]) -> None:
    """Tells when the first certificate ends with which a key of a set came (`x5c`, RFC 7517); most come with none."""
    ends = [end for key in keys if (end := _end_of(key)) is not None]
    if ends:
        CERTIFICATE_ENDS.labels(SIGNING).set(min(ends).timestamp())
    else:
        with suppress(KeyError):
            CERTIFICATE_ENDS.remove(SIGNING)


def _end_of(key: Mapping[str, Any]) -> datetime | None:
    chain = key.get("x5c")
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        return None
    try:
        return x509.load_der_x509_certificate(base64.b64decode(chain[0])).not_valid_after_utc
    except (ValueError, binascii.Error):
        return None


def tell_agencies(ends: Mapping[str, datetime]) -> None:
    """Tells of each of these agencies when a key of it ends that has no successor, and of no other."""
    KEY_ENDS.clear()
    for agency, end in ends.items():
        KEY_ENDS.labels(agency).set(end.timestamp())
