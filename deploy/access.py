"""Who may do what in Kafka: users and access rules, derived from `contracts/topics.py`.

Whoever has no rule may do nothing (`allow.everyone.if.no.acl.found=false`). A service reads and writes what its
topics say and joins groups that begin with its own name. An agency writes one topic and reads one. The expertise
operator's own systems read what their topics say, in groups of their own, and write nothing.
"""

from collections.abc import Iterable, Mapping, Set
from concurrent.futures import Future
from typing import Final, Literal, NamedTuple

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from contracts.topics import (
    AGENCY_PREFIX,
    FACT_TOPICS,
    INTAKE,
    OPERATOR,
    RECEIPTS_PREFIX,
    SERVICES,
    Topic,
    agency_topic,
    receipts_topic,
    user_of,
)
from deploy.login import TIMEOUT
from deploy.topics import ensure, until, wait

ITERATIONS: Final = 8192
USERS: Final = (*SERVICES, OPERATOR)
"""The users that every cluster has beside its administrator and the agencies."""


class Rule(NamedTuple):
    """One permission: this user may do this to that topic or group, or to all that begin so."""

    user: str
    kind: Literal["topic", "group"]
    name: str
    prefix: bool
    operation: Literal["read", "write", "describe"]


def rules_of(topics: Iterable[Topic]) -> set[Rule]:
    """What writers and readers of these topics may do, with the groups that readers need."""
    rules: set[Rule] = set()
    for topic in topics:
        for writer in map(user_of, topic.writers):
            rules |= _may("write", writer, topic.name)
        for reader in map(user_of, topic.readers):
            rules |= _may("read", reader, topic.name)
            rules.add(_group(reader))
    return rules


def service_rules() -> set[Rule]:
    """The rules of all `USERS`; a new agency needs no change here."""
    open_ended = _may("read", INTAKE, AGENCY_PREFIX, prefix=True) | _may("write", INTAKE, RECEIPTS_PREFIX, prefix=True)
    return rules_of(FACT_TOPICS) | open_ended | {_group(service) for service in SERVICES}


def agency_rules(code: str) -> set[Rule]:
    """What one agency may do. Raises ValueError for a bad code."""
    user = user_of(f"agency:{code}")
    return {rule for rule in rules_of((agency_topic(code), receipts_topic(code))) if rule.user == user}


def allow(admin: AdminClient, rules: Iterable[Rule]) -> None:
    """Adds the rules to the cluster; those that exist stay as they are."""
    bindings = [_binding(rule) for rule in sorted(rules)]
    if bindings:
        wait(admin.create_acls(bindings).values())
        until(lambda: set(bindings) <= _known(admin), "Kafka does not show its new rules")


def make_users(admin: AdminClient, passwords: Mapping[str, str]) -> None:
    """Creates those of these users whom Kafka does not know; who is known keeps the password."""

    def missing() -> set[str]:
        return passwords.keys() - with_passwords(admin)

    for user in missing():
        set_password(admin, user, passwords[user])
    until(lambda: not missing(), "Kafka does not show its new users")


def is_known(admin: AdminClient, user: str) -> bool:
    """Whether Kafka has a password of this user."""
    return user in with_passwords(admin)


def with_passwords(admin: AdminClient) -> Set[str]:
    """The users of whom Kafka has a password."""
    answer = admin.describe_user_scram_credentials(request_timeout=TIMEOUT)
    assert isinstance(answer, Future)  # one for all, because none was named
    known: dict[str, object] = answer.result(TIMEOUT)
    return known.keys()


def set_password(admin: AdminClient, user: str, password: str) -> None:
    """Creates the Kafka user, or gives it this password."""
    credential = UserScramCredentialUpsertion(
        user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS), password.encode()
    )
    wait(admin.alter_user_scram_credentials([credential]).values())


def add_agency(admin: AdminClient, code: str, password: str | None, replication: int = 1) -> str:
    """Topics, user and rules of one agency; the name of its user. Raises ValueError for a bad code.

    Without a password only the topics are made: for a cluster that knows no users.
    """
    ensure(admin, (agency_topic(code), receipts_topic(code)), replication)
    user = user_of(f"agency:{code}")
    if password is not None:
        set_password(admin, user, password)
        allow(admin, agency_rules(code))
    return user


def shut_out(admin: AdminClient, codes: Iterable[str]) -> None:
    """Takes all rights of these agencies' users. Who is connected is cut off with the next request; a user keeps the
    password, which opens nothing then."""
    principals = {f"User:{user_of(f'agency:{code}')}" for code in codes}
    if principals:
        wait(admin.delete_acls([_filter(one) for one in sorted(principals)]).values())
        until(lambda: not any(one.principal in principals for one in _known(admin)), "Kafka does not forget its rules")


def _may(operation: Literal["read", "write"], user: str, topic: str, *, prefix: bool = False) -> set[Rule]:
    return {
        Rule(user, "topic", topic, prefix, operation),
        Rule(user, "topic", topic, prefix, "describe"),
    }


def _group(user: str) -> Rule:
    return Rule(user, "group", f"{user}.", True, "read")


def _known(admin: AdminClient) -> set[AclBinding]:
    return set(admin.describe_acls(_filter(None), request_timeout=TIMEOUT).result(TIMEOUT))


def _filter(principal: str | None) -> AclBindingFilter:
    """All rules of a principal, or of everybody."""
    # The library's types know no None here, yet None is how it says "any".
    return AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]
        ResourcePatternType.ANY,
        principal,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _binding(rule: Rule) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC if rule.kind == "topic" else ResourceType.GROUP,
        rule.name,
        ResourcePatternType.PREFIXED if rule.prefix else ResourcePatternType.LITERAL,
        f"User:{rule.user}",
        "*",
        AclOperation[rule.operation.upper()],
        AclPermissionType.ALLOW,
    )
