"""The files of the register's lists: text, a workbook, or a JSON value on each line."""

from pathlib import Path
from typing import assert_never

from services.chassis.exports.files import Csv, Lines, Sheet
from services.chassis.exports.worker import Gathered
from services.law.exporting import Export, Format
from services.registry.domain.export import List
from services.registry.exports.workbook import About, Workbook


def begin(path: Path, export: Export, gathered: Gathered) -> Sheet:
    """Begins the file of an export."""
    match export.format:
        case Format.CSV:
            return Csv(path, gathered.columns, ",")
        case Format.CSV_SEMICOLON:
            return Csv(path, gathered.columns, ";")
        case Format.XLSX:
            return Workbook(path, _about(export, gathered))
        case Format.JSONL:
            return Lines(path, gathered.columns)
        case _:
            assert_never(export.format)


def _about(export: Export, gathered: Gathered) -> About:
    return About(
        list=List(export.list),
        columns=gathered.columns,
        asked=export.asked,
        why=export.why,
        rows=gathered.rows,
        filters=export.filters,
        language=export.language,
    )
