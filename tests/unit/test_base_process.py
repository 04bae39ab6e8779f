"""Commands as a terminal sees them; each in a process of its own, since what is looked at is how that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base.process import stderr_without
from tests.project import ROOT

COMMAND = "import os, signal, sys\nfrom pipeline.base.process import raise_interrupts, run_process\n"
# Tests that run in the background are deaf to Ctrl-C, and would hand that down.
HEARING = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
# Sends the signal when torch, which is found, is being imported, and like C code makes another error of what that raises.
INTERRUPTED_AT_TORCH = (
    HEARING
    + """
import os, runpy, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("torch."):
            try:
                os.kill(os.getpid(), signal.{number})
            except BaseException:
                raise SystemError("not initialised") from None
sys.meta_path.insert(0, Interrupting())
sys.argv = {argv!r}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
)


def python(source: str, stdout: int = subprocess.PIPE, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source],
        cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "", **extra}, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("module", "name", "options"),
    [("stages.train", "train", ["--preset", "digits"]), ("pipeline.cli.console", "imagemint", ["verify", "nowhere"])],
)
def test_interrupted_while_it_imports_it_says_so_in_one_line(
    module: str, name: str, options: list[str], number: str
) -> None:
    done = python(INTERRUPTED_AT_TORCH.format(number=number, argv=[name, *options], module=module))
    said = f"{name}: interrupted before the work began; run the same command again.\n"
    assert (done.returncode, done.stderr) == (130, said)


def test_interrupted_at_work_it_winds_up() -> None:
    done = python(
        HEARING
        + COMMAND
        + """
def main():
    raise_interrupts()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        return 3
run_process("x", main)"""
    )
    assert (done.returncode, done.stderr) == (3, "")


def test_called_in_this_process_it_leaves_the_signals_alone() -> None:
    done = python(
        COMMAND
        + """
before = signal.getsignal(signal.SIGTERM)
raise_interrupts()
assert signal.getsignal(signal.SIGTERM) is before"""
    )
    assert done.returncode == 0, done.stderr


def test_in_the_background_it_stays_deaf_to_ctrl_c() -> None:
    done = python(
        COMMAND
        + """
signal.signal(signal.SIGINT, signal.SIG_IGN)
run_process("x", lambda: os.kill(os.getpid(), signal.SIGINT) or 5)"""
    )
    assert done.returncode == 5


@pytest.mark.parametrize(
    "work", ["print('x')", "print('x' * 1_000_000)", "argparse.ArgumentParser().parse_args(['-h'])"]
)
def test_a_reader_that_has_gone_ends_it_without_a_word(work: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = python(COMMAND + f"import argparse\nrun_process('x', lambda: {work} or 0)", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_another_pipe_that_breaks_is_no_reader_that_has_gone() -> None:
    done = python(
        COMMAND
        + """
def main():
    raise BrokenPipeError("a socket")
run_process("x", main)"""
    )
    assert done.returncode == 1
    assert "a socket" in done.stderr


def test_what_the_terminal_has_no_letters_for_is_spelt() -> None:
    done = python(COMMAND + "run_process('x', lambda: print('größer 猫') or 0)", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "gr\\xf6\\xdfer \\u732b\n")


def test_lines_of_c_code_are_kept_from_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with stderr_without("level is set"):
        os.write(2, b"a\n[I 3] level is set to 3\nb\n")
    os.write(2, b"level is set again\n")
    assert capfd.readouterr().err == "a\nb\nlevel is set again\n"


def test_what_goes_wrong_meanwhile_leaves_the_terminal_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), stderr_without("level is set"):
        os.write(2, b"%d\n" % (1 // 0))
    os.write(2, b"c\n")
    assert capfd.readouterr().err == "c\n"


def test_what_is_said_before_an_abort_is_not_lost() -> None:
    source = "import os\nfrom pipeline.base.process import stderr_without\n"
    done = python(source + "with stderr_without('level'):\n    os.write(2, b'level is set\\nwhy\\n')\n    os.abort()\n")
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == "why\n"


def test_closed_standard_error_is_no_reason_to_fail() -> None:
    source = "import os, sys\nos.close(2)\nsys.stderr = None\nfrom pipeline.base.process import stderr_without\n"
    done = python(source + "with stderr_without('level'):\n    print('worked')\n")
    assert (done.returncode, done.stdout) == (0, "worked\n")


def test_a_full_disk_under_standard_output_is_said_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = python(COMMAND + "run_process('it', lambda: print('x' * 10) or 0)", stdout=full.fileno())
    assert (done.returncode, done.stderr) == (1, "it: standard output cannot be written: its disk is full.\n")
