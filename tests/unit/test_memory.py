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


def said(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(libc_ver()[0] != "glibc", reason="only glibc makes a heap for each thread")
def test_the_threads_of_a_service_share_two_heaps() -> None:
    by_itself, told = (len(findall("<heap nr=", said(HEAPS.format(first=one)))) for one in ("", "few_arenas()"))
    assert told <= 2 < by_itself


def test_the_register_starts_without_what_only_a_workbook_needs() -> None:
    script = "import sys, services.registry.__main__; print('xlsxwriter' in sys.modules)"
    assert said(script).strip() == "False"
