"""The examples are what their readers parse: YAML, unit files, a crontab, a shell script; and our own command line."""

import configparser
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from bench.cli import parser
from bench.commands.arguments import VOICE
from bench.config import load_config, load_options
from bench.nights.config import NightlyConfig

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "configs" / "examples"


def commands(text: str) -> list[list[str]]:
    """Words of every call of cambench, or of its run under torchrun."""
    joined = text.replace("\\\n", " ")
    found = re.findall(r"(?:\bcambench|-m bench) ((?:run|nightly) [^>\n]*)", joined)
    return [shlex.split(words) for words in found]


@pytest.mark.parametrize("name", ["github-actions.yml", "cambench-nightly.service", "crontab", "nightly.slurm"])
def test_the_commands_are_ours_and_their_files_exist(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    called = commands((EXAMPLES / name).read_text())
    assert called
    for words in called:
        options = vars(parser().parse_args(words))
        given = {k: v for k, v in options.items() if k not in ("command", "config", "table", *VOICE)}
        if words[0] == "nightly":
            nightly = load_options(NightlyConfig, options["config"], given)
            load_config(nightly.run, {"out": "somewhere"})
            assert nightly.gates.exists()
        else:
            load_config(options["config"], given)


def test_the_workflow_is_a_workflow():
    content = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    assert re.fullmatch(r"(\S+ ){4}\S+", content[True]["schedule"][0]["cron"])  # YAML 1.1 reads the key "on" as true
    steps = content["jobs"]["nightly"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = [word for step in steps for word in re.findall(r"^make (\w+)", step.get("run", ""))]
    assert made
    assert set(made) <= set(targets)


@pytest.mark.parametrize(("name", "section"), [("service", "Service"), ("timer", "Timer")])
def test_units_have_their_sections(name, section):
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string((EXAMPLES / f"cambench-nightly.{name}").read_text())
    assert {"Unit", section} <= set(unit.sections())
    assert all(value for part in unit.sections() for value in unit[part].values())


def test_the_crontab_has_five_fields_and_a_command():
    lines = [line for line in (EXAMPLES / "crontab").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "MAILTO=root"
    assert len(lines) == 2
    assert re.fullmatch(r"\d+ \d+ \* \* \* cd \S+ && \S+cambench nightly .* --quiet", lines[1])


@pytest.mark.parametrize("script", [EXAMPLES / "nightly.slurm", ROOT / "configs" / "catdog-scenes.sh"])
def test_scripts_parse(script):
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
