"""What may be asked by: one value of an axis (a code or a name), or several."""

from typing import Annotated

from fastapi import Query
from pydantic import StringConstraints

from contracts.text import sought
from services.chassis.web import MOST

Value = Annotated[str, StringConstraints(min_length=1, max_length=200), sought(200)]
Values = Annotated[list[Value], Query(max_length=20)]
Ids = Annotated[list[Value], Query(max_length=MOST, description="These pilots alone, by their ids")]
