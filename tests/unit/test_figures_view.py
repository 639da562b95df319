"""The view that figures are asked of: what is committed is seen and kept, and nothing else."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from services.chassis.problems import Problematic
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.figures import figures as figures_module
from services.registry.figures import questions
from services.registry.figures.figures import Figures, begin_anew, in_memory, open_figures
from tests.kit.registry.figures import asked, counted, filled, pilot, positive, row, rows, told

# ---- the view itself


def some(count: int = 20, seed: int = 5) -> dict[str, Pilot]:
    chance = Random(seed)
    return {f"p{n}": pilot(chance) for n in range(count)}


def total(figures: Figures) -> int:
    return int(told(figures, questions.funnel)["pilots"])


def test_what_is_put_is_seen_with_its_offsets_after_the_commit_and_not_before(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.commit({0: 0}, whole=True)
    figures.put(rows(some()))
    assert (total(figures), figures.offsets) == (0, {0: 0})
    figures.commit({0: 20, 1: 7}, whole=True)
    assert (total(figures), figures.offsets) == (20, {0: 20, 1: 7})
    figures.close()


def test_what_comes_in_portions_counts_as_what_came_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_module, "TOGETHER", 3)
    together, figures = filled(some()), in_memory()
    for one in rows(some(22, seed=6)):
        figures.put([one])
    for one in rows(some()):
        figures.put([one])
    figures.put([], ["p20", "p21"])
    figures.commit({0: 20}, whole=True)
    assert told(figures, questions.funnel) == told(together, questions.funnel)
    figures.put(rows({"p20": some(21)["p20"]}), [])
    figures.put([], ["p20", "p0"])
    figures.commit({0: 21}, whole=True)
    assert total(figures) == 19


def test_a_view_is_found_as_it_was_committed_and_what_was_not_is_lost_with_its_offsets(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20, 1: 7}, whole=True)
    name = figures.commit_id
    figures.put(rows(some(40)))
    figures.close()
    again = open_figures(tmp_path)
    assert (total(again), again.offsets, again.commit_id, again.progress.whole) == (20, {0: 20, 1: 7}, name, True)
    again.close()


@pytest.mark.slow
def test_a_process_that_is_killed_in_the_middle_of_a_commit_leaves_what_was_committed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "sys.path[:0] = sys.argv[2:]\n"
        "from tests.unit.test_figures_view import open_figures, rows, some\n"
        "figures = open_figures(Path(sys.argv[1])); figures.put(rows(some())); figures.commit({0: 20}, whole=True)\n"
        "figures.put(rows(some(40, 6))); os._exit(9)\n"
    )
    here = Path(__file__).parents[2]
    command = [sys.executable, "-c", script, str(tmp_path), str(here)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 9, ended.stderr
    again = open_figures(tmp_path)
    assert (total(again), again.offsets) == (20, {0: 20})
    assert positive(asked(again, ("sector", "year"))) == positive(counted(some(), ("sector", "year")))
    again.close()


def made_by_another(path: Path) -> None:
    root = duckdb.connect(str(path))
    root.execute("UPDATE place SET made_by = 'another'")
    root.close()


def without_a_table(path: Path) -> None:
    root = duckdb.connect(str(path))
    root.execute("DROP TABLE lines")
    root.close()


HARM: dict[str, Callable[[Path], object]] = {
    "another version": made_by_another,
    "a table is missing": without_a_table,
    "no database": lambda path: path.write_bytes(b"x" * 5000),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "two of them": lambda path: path.with_name("zzz.duckdb").write_bytes(b""),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_view_that_is_missing_damaged_or_of_another_version_is_begun_anew(tmp_path: Path, harm: str) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20}, whole=True)
    figures.close()
    [path] = (tmp_path / "figures").glob("*.duckdb")
    HARM[harm](path)
    again = open_figures(tmp_path)
    assert (again.offsets, again.progress.whole) == ({}, False)
    assert again.commit_id != figures.commit_id
    again.put(rows(some(3)))
    again.commit({0: 3}, whole=True)
    assert total(again) == 3
    again.close()


def test_a_view_that_another_process_holds_is_not_thrown_away(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20}, whole=True)
    script = (
        "import sys; from pathlib import Path\n"
        "from services.registry.figures.figures import open_figures\n"
        "try: open_figures(Path(sys.argv[1]))\n"
        "except OSError as error: print(error); sys.exit(3)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=root, env={"PYTHONPATH": str(root)}
    )
    assert ended.returncode == 3, ended.stderr
    assert "another process" in ended.stdout
    assert total(figures) == 20
    figures.close()


def test_a_view_begun_anew_beside_one_that_is_still_asked_never_meets_it(tmp_path: Path) -> None:
    old = open_figures(tmp_path)
    old.put(rows(some()))
    old.commit({0: 20}, whole=True)
    new = begin_anew(tmp_path)
    new.commit({0: 0}, whole=True)
    assert (total(old), total(new)) == (20, 0)
    old.close()
    new.close()


def test_an_answer_waits_for_the_whole_topic(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20}, whole=False)
    figures.progress.done, figures.progress.total = 20, 100
    with pytest.raises(Problematic) as caught:
        total(figures)
    assert (caught.value.status, caught.value.code) == (503, "figures.building")
    assert caught.value.extra == {"done": 20, "total": 100}
    figures.close()


def test_an_answer_is_kept_for_its_commit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    figures, calls = filled(some()), list[int]()

    def question(cursor: Any) -> dict[str, Any]:
        calls.append(1)
        return questions.funnel(cursor, {})

    first = figures.ask("k", question)
    assert figures.ask("k", question) == first and len(calls) == 1
    figures.commit({0: 99}, whole=True)
    assert figures.ask("k", question) == first and len(calls) == 1, "nothing changed but the offsets"
    figures.put(rows(some(21)))
    figures.commit({0: 100}, whole=True)
    assert figures.ask("k", question)["pilots"] == 21 and len(calls) == 2
    monkeypatch.setattr(figures_module, "KEPT", 3)
    for n in range(10):
        figures.ask(n, question)
    assert len(figures._kept) == 3


def test_questions_from_many_threads_each_see_one_commit_while_it_is_written() -> None:
    """Each commit holds so many pilots as its offset says, all of one agency: an answer that mixes two is caught."""
    figures, wrong, stop = in_memory(), list[object](), threading.Event()
    one = pilot(Random(1), agency="a", stage=Stage.RUNNING, history=(), replicas=())
    figures.commit({0: 0}, whole=True)

    def ask(number: int) -> None:
        while not stop.is_set():

            def question(cursor: Any) -> dict[str, Any]:
                first = questions.funnel(cursor, {})["pilots"]
                second = questions.funnel(cursor, {"agency": "a"})["pilots"]
                [(offset,)] = cursor.execute('SELECT "offset" FROM offsets').fetchall()
                return {"all": (first, second, offset)}

            answer = figures.ask((number, object()), question)
            if len(set(answer["all"])) != 1:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for n in range(1, 40):
        figures.put([row(f"p{n}", one)])
        figures.commit({0: n}, whole=True)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_pilot_that_cannot_be_read_is_left_out_and_said_to_be() -> None:
    figures = filled(some())
    figures.put([{"_id": "p1", "state": {"stage": "unheard-of"}}, {"_id": "new"}])
    figures.commit({0: 22}, whole=True)
    answer = told(figures, questions.funnel)
    assert (answer["pilots"], answer["left_out"]) == (19, 2)
    figures.put(rows({"p1": some()["p1"]}))
    figures.commit({0: 23}, whole=True)
    answer = told(figures, questions.funnel)
    assert (answer["pilots"], answer["left_out"]) == (20, 1)


def test_the_database_reaches_for_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    figures = open_figures(tmp_path)
    for sql in (f"SELECT * FROM '{tmp_path}/secret.csv'", "INSTALL httpfs", "SET threads = 8"):
        with pytest.raises(duckdb.Error):
            figures.root.execute(sql)
    figures.close()
