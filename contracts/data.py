"""What the data files of the rules are made of: values that are checked when read, where they come from, titles."""

import re
from importlib.resources import files
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from .event import Contract
from .reference import OriginKind


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is no zone of the IANA database") from error
    return name


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return pattern


Zone = Annotated[str, AfterValidator(_known_zone)]
Pattern = Annotated[str, AfterValidator(_compiles)]
Text = Annotated[str, Field(min_length=1)]
CalendarId = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]+)*$")]


class Data(Contract):
    """A part of a data file: a key that is not known here is a mistake in the file, never ignored."""

    model_config = ConfigDict(extra="forbid")


class Origin(Data):
    """Where a value comes from. Law (норма) names its act and where it was read; the rest is an assumption
    (допущение) and says in `note` what it rests on."""

    kind: OriginKind
    act: Text | None = None
    clause: Text | None = None
    source: Text | None = None
    note: Text

    @model_validator(mode="after")
    def _law_is_proven(self) -> Self:
        if self.kind == "law" and not (self.act and self.source):
            raise ValueError("a value that is law must name its act and its source")
        return self


class Titled(Data):
    """What has a title for people, in Russian, Belarusian and English."""

    ru: Text
    be: Text
    en: Text


class Entitled(Data):
    """What has a title beside other things that are said of it."""

    title_ru: Text
    title_be: Text
    title_en: Text


def unique(what: str, values: tuple[str, ...]) -> None:
    """Raises ValueError that names what is given twice."""
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{what} given twice: {', '.join(twice)}")


def texts(*folders: str) -> list[str]:
    """The data files of a folder of the rules that the package carries, in the order of their names."""
    folder = files(__package__).joinpath("rules", *folders)
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return [f.read_text(encoding="utf-8") for f in found]
