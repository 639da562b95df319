"""Topics: names, partitions, retention, groups; who writes and reads; which agency codes there can be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.freeze import CLASSES, OWNERS
from contracts.topics import (
    AGENCY_CODE,
    AGENCY_MAX_BYTES,
    AGENCY_PATTERN,
    DAY_MS,
    FACT_MAX_BYTES,
    FACT_TOPICS,
    FOR_EVER,
    OPERATOR,
    SERVICES,
    agency_of,
    agency_topic,
    fact_topic,
    group,
    receipts_topic,
)

codes = st.from_regex(AGENCY_CODE, fullmatch=True)
BAD = ["", "a", "a" * 21, "Minzdrav", "min_zdrav", "min.zdrav", "минздрав", "ab\n", " ab", "a b", "a/b", "ab.v1"]


def test_every_service_has_one_fact_topic_that_is_kept_for_ever() -> None:
    assert [topic.name for topic in FACT_TOPICS] == [
        "pilots.intake.v1",
        "pilots.expertise.v1",
        "pilots.registry.v1",
    ]
    for service, topic in zip(SERVICES, FACT_TOPICS, strict=True):
        assert topic.name == fact_topic(service)
        assert (topic.partitions, topic.retention_ms, topic.max_bytes) == (12, FOR_EVER, FACT_MAX_BYTES)
        assert topic.writers == (service,)
        assert service in topic.readers


def test_the_readers_of_fact_topics_are_those_that_the_flow_needs() -> None:
    assert {topic.name: set(topic.readers) for topic in FACT_TOPICS} == {
        "pilots.intake.v1": {"intake", "expertise", "registry"},
        "pilots.expertise.v1": {"expertise", "intake", "registry", OPERATOR},
        "pilots.registry.v1": {"registry", "intake"},
    }


def test_the_operators_own_systems_write_nothing_anywhere() -> None:
    topics = [*FACT_TOPICS, agency_topic("minzdrav"), receipts_topic("minzdrav")]
    assert OPERATOR not in SERVICES
    assert all(OPERATOR not in topic.writers for topic in topics)
    assert [topic.name for topic in topics if OPERATOR in topic.readers] == ["pilots.expertise.v1"]


def test_every_type_names_its_owner_and_a_receipt_is_intakes() -> None:
    assert OWNERS.keys() == {*SERVICES, "agency", "receipts"}
    for owner, classes in OWNERS.items():
        named = "intake" if owner == "receipts" else owner
        assert all(name.startswith(f"pilots.{named}.") for name in classes)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_type_and_its_class_have_one_name(name: str) -> None:
    noun, version = name.split(".")[2:]
    words = "".join(word.capitalize() for word in noun.split("-"))
    assert CLASSES[name].__name__ == words + version.upper()
    assert CLASSES[name].__doc__


def test_an_agency_writes_one_topic_and_reads_one_of_its_own_for_30_days() -> None:
    sent, received = agency_topic("minzdrav"), receipts_topic("minzdrav")
    assert (sent.name, received.name) == ("pilots.agency.minzdrav.v1", "pilots.receipts.minzdrav.v1")
    for topic, most in ((sent, AGENCY_MAX_BYTES), (received, FACT_MAX_BYTES)):
        assert (topic.partitions, topic.retention_ms, topic.max_bytes) == (1, 30 * DAY_MS, most)
    assert (sent.writers, sent.readers) == (("agency:minzdrav",), ("intake",))
    assert (received.writers, received.readers) == (("intake",), ("agency:minzdrav",))


@pytest.mark.parametrize("code", BAD)
def test_a_bad_agency_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="agency code"):
        agency_topic(code)
    with pytest.raises(ValueError, match="agency code"):
        receipts_topic(code)


@pytest.mark.parametrize("code", BAD)
def test_a_topic_of_a_bad_agency_code_is_not_subscribed_to(code: str) -> None:
    name = f"pilots.agency.{code}.v1"
    assert agency_of(name) is None
    assert re.match(AGENCY_PATTERN, name) is None


@given(codes)
def test_every_agency_topic_that_can_be_made_is_subscribed_to_and_names_its_agency(code: str) -> None:
    name = agency_topic(code).name
    assert re.match(AGENCY_PATTERN, name)
    assert agency_of(name) == code


@given(st.from_regex(AGENCY_PATTERN).filter(lambda name: not name.endswith("\n")))
def test_every_name_that_is_subscribed_to_is_the_topic_of_an_agency(name: str) -> None:
    code = agency_of(name)
    assert code is not None
    assert agency_topic(code).name == name


@given(codes)
def test_no_other_topic_is_taken_for_an_agencys(code: str) -> None:
    others = [receipts_topic(code).name, *(topic.name for topic in FACT_TOPICS)]
    assert all(agency_of(name) is None and not re.match(AGENCY_PATTERN, name) for name in others)


def test_topic_names_are_names_that_kafka_takes() -> None:
    names = [*(t.name for t in FACT_TOPICS), agency_topic("z" * 20).name, receipts_topic("z" * 20).name]
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name) for name in names)


def test_a_group_is_named_after_its_service_and_what_it_reads() -> None:
    assert group("expertise", "intake") == "expertise.intake"
