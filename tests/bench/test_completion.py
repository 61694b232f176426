import shutil
import subprocess
import sys

import pytest

from bench.cli import main

pytest.importorskip("shtab", reason="shtab is not installed (pip install 'cambench[completion]')")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_every_command_and_option_is_completed(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("nightly", "compare", "--data-root" if shell != "tcsh" else "data-root", "completion"):
        assert word in script


def test_bash_completes_what_was_begun(capsys, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    assert main(["completion", "bash"]) == 0
    (tmp_path / "completion.sh").write_text(capsys.readouterr().out)
    ask = (
        "source ./completion.sh; COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _shtab_cambench; "
        'echo "${{COMPREPLY[@]}}"'
    )

    def completed(words: str) -> list[str]:
        done = subprocess.run([bash, "-c", ask.format(words)], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("cambench nigh") == ["nightly"]
    assert "--data-root" in completed("cambench run --da")


def test_without_the_package_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "pip install 'cambench[completion]'" in capsys.readouterr().err
