"""What a process keeps resident: few heaps whatever the number of its threads, and no library before it is needed."""

import subprocess
import sys
from platform import libc_ver
from re import findall
from typing import Final

import pytest

HEAPS: Final = """
import ctypes, threading
from services.chassis.run import few_arenas
{first}
together = threading.Barrier(9)
def work():
    held = bytes(2000)
    together.wait()
    together.wait()
for _ in range(8):
    threading.Thread(target=work).start()
together.wait()
library = ctypes.CDLL(None)
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
together.wait()
"""


GIVEN_BACK: Final = """
from pathlib import Path
from services.chassis.run import give_back
from services.registry.figures.figures import in_memory

def of_files():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssFile"))

figures = in_memory()
before = of_files()
give_back()
after = of_files()
figures.commit({0: 7}, whole=True)
print(before, after, figures.offsets[0])
"""


def said(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(libc_ver()[0] != "glibc", reason="only glibc makes a heap for each thread")
def test_the_threads_of_a_service_share_two_heaps() -> None:
    by_itself, told = (len(findall("<heap nr=", said(HEAPS.format(first=one)))) for one in ("", "few_arenas()"))
    assert told <= 2 < by_itself


def test_the_register_starts_without_what_only_a_workbook_needs() -> None:
    script = "import sys, services.registry.__main__; print('xlsxwriter' in sys.modules)"
    assert said(script).strip() == "False"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where the code of libraries is")
def test_the_code_that_was_needed_to_start_is_let_go_and_is_there_again_when_it_is_asked_for() -> None:
    before, after, offset = (int(word) for word in said(GIVEN_BACK).split())
    assert before - after > 10 and offset == 7
