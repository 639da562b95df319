"""The columns of open files as programs are told them: each that a file may have, in each language."""

from itertools import combinations

import pytest

from contracts.words import LANGUAGES, Language
from services.registry.api.answers import TableSchema
from services.registry.exports import open_rows, open_schema
from services.registry.figures.questions import AXES


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_schema_says_each_column_that_a_file_may_have_once_and_in_its_order(language: Language) -> None:
    assert _names(open_schema.pilots(language)) == list(open_rows.PILOTS)
    for many in range(len(AXES) + 1):
        for by in combinations(AXES, many):
            assert _names(open_schema.sums(by, language)) == list(open_rows.money_columns(by)), by


def _names(schema: open_schema.Schema) -> list[str]:
    """The columns' names; what is said of each is in words, and no two of them are called the same but a sum's two."""
    TableSchema.model_validate(schema, strict=True)
    titles = [one["title"] for one in schema["fields"] if not one["name"].endswith("_minor")]
    assert all("." not in title for title in titles) and len(set(titles)) == len(titles), titles
    return [one["name"] for one in schema["fields"]]
