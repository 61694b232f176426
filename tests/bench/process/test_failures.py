"""What ends a command ends in one line and the right exit code, and ends every process."""

import errno
import io
import subprocess
import sys

import matplotlib
import pytest
import torch

from bench.cli import main
from bench.errors import ConfigError, GateError
from bench.process.failures import explain, one_line


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path, monkeypatch):
    """Lists are made anew, and what is listed here is kept for nobody else; figures keep their cache of fonts."""
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("steps is 3"), 2, "steps is 3"),
        (GateError("2 regressions, see above"), 1, "2 regressions, see above"),
        (KeyboardInterrupt(), 130, "interrupted; finished work is kept"),
        (OSError(errno.ENOSPC, "No space left on device", "a"), 2, "'a' failed: No space left on device; make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 2, "failed: Disk quota exceeded; make room on the disk"),
        (OSError(errno.EIO, "Input/output error", "a"), 2, "'a' failed: Input/output error; mend that"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), 2, "'a' failed: Permission denied; mend that"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 2, "nobody reads the output any more (Broken pipe)"),
        (MemoryError(), 2, "memory does not suffice; use fewer --workers and --resume, or a smaller --batch-size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 1"), 2, "memory does not suffice; use fewer"),
        (torch.OutOfMemoryError("CUDA out of memory"), 2, "memory does not suffice; use a smaller"),
        (SystemExit(1), 2, "code that this command called ended the process (exit code 1)"),
    ],
)  # fmt: skip
def test_every_end_has_its_code_and_its_line(capsys, error, code, said):
    found, line = explain(error)
    assert found == code
    assert said in line
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "error", [ValueError("x\ny"), RecursionError("deep"), KeyError("k"), AssertionError(), SyntaxError("s")]
)
def test_what_nobody_expects_is_an_internal_error_and_never_a_regression(capsys, monkeypatch, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bench.listing.listing", fail)
    assert main(["list", "methods"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith(f"cambench: internal error ({type(error).__name__}")
    assert lines[-1].endswith("finished work is kept, go on with --resume")


def test_one_line_shows_what_would_be_hidden():
    assert one_line("a\nb\r\x1b[2J\u202ec\udce9é") == r"a b \x1b[2J\u202ec\udce9é"


class Gone(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_reader_that_went_away_is_no_full_disk(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Gone())
    assert main(["list", "methods"]) == 2
    assert capsys.readouterr().err.startswith("cambench: nobody reads the output any more (Broken pipe)")
    monkeypatch.setattr(sys, "stderr", Gone())
    assert main(["list", "methods"]) == 2  # where nothing can be said, the code still can


def test_an_output_without_room(monkeypatch, capsys):
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["list", "methods"]) == 2
    assert "No space left on device; make room" in capsys.readouterr().err


def test_a_terminal_that_lacks_letters(monkeypatch, tmp_path):
    text = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", text)
    monkeypatch.setattr("bench.listing.listing", lambda _, **__: "Fußgänger \udce9")
    assert main(["list", "methods"]) == 0
    text.flush()
    assert text.buffer.getvalue().decode() == "Fu\\xdfg\\xe4nger \\udce9\n"


OWN = """
import os
from cam.methods import layercam
calls = 0
def method(activations, gradients):
    global calls
    calls += 1
    if os.environ["RANK"] == "1" and calls > 2:
        raise ValueError("mine")
    return layercam(activations, gradients)
"""


def test_a_rank_that_fails_ends_itself_its_loader_and_the_others(tmp_path, monkeypatch, forked):
    """Without torchrun to end them; a timeout makes a failure of what would be a hang."""
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    words = [
        "run", "--dataset", "synthetic", "--limit", "24", "--weights", "catdog-scenes", "--methods", "own:method",
        "--metrics", "effective_area", "--protocols", "none", "--controls", "none", "--batch-size", "2", "--out", "run",
        "--workers", "1",
    ]  # fmt: skip
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29731", "WORLD_SIZE": "2"}
    ranks = [forked(words, environment={**told, "RANK": rank, "LOCAL_RANK": rank}) for rank in "01"]
    said = [rank.communicate(timeout=240)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [2, 2], said
    assert "rank 1 of 2 failed" in said[0].splitlines()[-1]
    assert "so rank 0 ends too; finished work is kept" in said[0].splitlines()[-1]
    assert "mine" in said[1].splitlines()[-1]


def test_a_thread_that_a_users_function_left_behind_is_not_waited_for(tmp_path):
    (tmp_path / "own.py").write_text(
        "import threading, time\n"
        "def method(activations):\n"
        "    threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "    raise ValueError('mine')\n"
    )
    words = ["--dataset", "synthetic", "--limit", "2", "--weights", "catdog-scenes", "--methods", "own:method"]
    command = [sys.executable, "-m", "bench", "run", *words, "--protocols", "none", "--out", "run"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 2
    assert "method 'own:method' raised ValueError: mine" in ended.stderr


def test_a_users_function_that_ends_the_process_at_once_does_not_end_the_run_as_if_all_were_well(tmp_path):
    (tmp_path / "own.py").write_text("import os\ndef method(activations):\n    os._exit(0)\n")
    words = ["--dataset", "synthetic", "--limit", "2", "--weights", "catdog-scenes", "--methods", "own:method"]
    command = [sys.executable, "-m", "bench", "run", *words, "--protocols", "none", "--out", "run"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == "cambench: method 'own:method' raised SystemExit: 0 (own.py, line 3)"


def test_processes_and_threads_of_its_own_may_end_at_once():
    code = (
        "import os, threading, bench.listing\n"
        "from bench.cli import main\n"
        "def listing(*_, **__):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(7)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)\n"
        "    ends.pop(0)()\n"
        "def by_thread():\n"
        "    threading.Thread(target=os._exit, args=(5,)).start()\n"
        "    threading.Event().wait()\n"
        "ends = [lambda: os._exit(0), lambda: threading.Thread(target=os._exit, args=(5,)).run(), by_thread]\n"
        "bench.listing.listing = listing\n"
        "for _ in range(3):\n"
        "    print(main(['list', 'methods']), flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["7", "2", "7", "2", "7"], ended.stderr  # the first two end the command alone
    assert ended.stderr.count("ended the process (exit code") == 2
    assert ended.returncode == 5  # the watch over other ranks ends the process from a thread
