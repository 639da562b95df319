"""The people of the demo: who may be signed in on the embedded stack, and what they are called there."""

from dataclasses import dataclass
from typing import Final

from contracts.reference import Role


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who does not exist: an opaque id, a plainly invented name, and what they may do."""

    id: str
    name: str
    roles: tuple[Role, ...]
    organisation: str | None = None


PEOPLE: Final = (
    DemoPerson("op-1", "Олеся Образцова", (Role.OPERATOR,)),
    DemoPerson("op-2", "Пётр Примеров", (Role.OPERATOR,)),
    DemoPerson("expert-17", "Вера Пробная", (Role.EXPERT,)),
    DemoPerson("expert-23", "Глеб Учебный", (Role.EXPERT,)),
    DemoPerson("ap-1", "Антон Условный", (Role.APPROVER,)),
    DemoPerson("of-1", "Зоя Показательная", (Role.OFFICER,)),
    DemoPerson("cs-1", "Степан Вымышленный", (Role.COUNCIL_SECRETARY,)),
    DemoPerson("ho-1", "Галина Придуманная", (Role.HEAD_ORGANISATION,)),
    DemoPerson("cm-1", "Майя Несуществующая", (Role.COMMISSION_SECRETARY,)),
    DemoPerson("rg-1", "Роман Воображаемый", (Role.REGISTRAR,)),
    DemoPerson("au-1", "Алла Наблюдателева", (Role.AUDITOR,)),
    DemoPerson("ad-1", "Адам Настройкин", (Role.ADMIN,)),
    DemoPerson("ops-1", "Федот Дежуркин", (Role.OPS,)),
    DemoPerson("ops-2", "Нина Подменина", (Role.OPS,)),
    DemoPerson("pu-1", "Инна Заявкина", (Role.PUBLISHER,), "demo-health"),
    DemoPerson("pu-2", "Борис Соседский", (Role.PUBLISHER,), "demo-transport"),
)
"""The ids are those that the demo itself acts under; the agencies are among those of its sample."""
