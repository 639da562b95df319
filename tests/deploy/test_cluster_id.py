"""The id of a new Kafka cluster."""

import base64

from hypothesis import example, given
from hypothesis import strategies as st

from deploy.local.kafka import cluster_id


@given(st.binary(min_size=16, max_size=16))
@example(b"\xff" * 16)
@example(b"\xf8" + b"\x00" * 15)
def test_a_cluster_id_is_never_an_option_to_kafkas_tools(random: bytes) -> None:
    made = cluster_id(random)
    assert not made.startswith("-")
    assert len(base64.urlsafe_b64decode(made + "==")) == 16


def test_different_randomness_makes_different_cluster_ids() -> None:
    assert len({cluster_id(bytes([first]) + b"\x00" * 15) for first in range(128)}) == 128
