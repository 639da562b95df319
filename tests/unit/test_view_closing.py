"""A view is let go only when nobody writes to it any more: a task that is cancelled leaves its thread at work."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.chassis.problems import Problematic
from services.chassis.store import Row
from services.registry.figures import questions
from services.registry.figures.figures import open_figures
from services.registry.finding.finding import open_finding
from tests.kit.registry.figures import pilot, rows, told


@pytest.mark.parametrize("opened", [open_figures, open_finding])
def test_a_view_is_closed_after_the_put_that_still_runs_has_ended(
    tmp_path: Path, opened: Callable[[Path], Any]
) -> None:
    view, halfway, on, ended = opened(tmp_path), threading.Event(), threading.Event(), list[str]()

    def put() -> None:
        def some() -> Iterator[Row]:
            halfway.set()
            assert on.wait(20)
            yield from rows({"p1": pilot(Random(1))})

        view.put(some())
        ended.append("put")

    def close() -> None:
        view.close()
        ended.append("closed")

    writer, closer = threading.Thread(target=put), threading.Thread(target=close)
    writer.start()
    assert halfway.wait(20)
    closer.start()
    closer.join(0.2)
    assert not ended
    on.set()
    writer.join(20)
    closer.join(20)
    assert ended == ["put", "closed"]


def test_a_question_to_figures_that_were_closed_since_they_were_found_is_to_be_asked_again(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.commit({0: 0}, whole=True)
    figures.close()
    with pytest.raises(Problematic) as raised:
        told(figures, questions.funnel)
    assert (raised.value.status, raised.value.headers) == (503, {"Retry-After": "5"})
