"""STUDY.toml: what it may say, checked before any work begins."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bench.config import NetworkConfig, RunConfig, load_options, read_toml
from bench.errors import ConfigError
from bench.names import resolve, unknown
from bench.options import as_names, as_path, as_text
from bench.run.plan import known_architectures
from bench.run.selection import select_methods, select_metrics
from datasets import DATASETS, FORMER, ROOTLESS
from reports.runs.study import StudyNetwork
from weights import WeightsError
from weights.catalogue import find_checkpoint

NAME = re.compile(r"[A-Za-z0-9._+]+(-[A-Za-z0-9._+]+)*")  # of a folder, in which -- parts network from data set
EXPECTED = "expected letters, digits, ., _, + and single hyphens between them"
TABLES = ("study", "network", "data")
OWN = {"study": ("title", "out", "contrast"), "network": ("name", "trunk", "recipe", "architecture", "factors")}
DATA = ("dataset", "data_root", "split", "limit", "download")
LEVELS = ("recipe", "architecture")  # factors that have a key of their own
CONTRAST = ("gradcam", "layercam")


@dataclass(frozen=True)
class StudyCell:
    """A network on a data set.

    Attributes:
        network: name.
        data: name.
        config: of its run.
    """

    network: str
    data: str
    config: RunConfig

    @property
    def said(self) -> str:
        """What messages call it."""
        return f"{self.network} on {self.data}"


@dataclass(frozen=True)
class StudyConfig:
    """A study.

    Attributes:
        title: of the page.
        out: folder.
        contrast: the two methods, a - b.
        networks: in the order of the file.
        cells: in the order of the work: the networks of the first data set, then those of the next.
    """

    title: str
    out: Path
    contrast: tuple[str, str]
    networks: tuple[StudyNetwork, ...]
    cells: tuple[StudyCell, ...]


def load_study(path: Path, out: Path | None = None) -> StudyConfig:
    """The study of a file; options at its top are those of every cell.

    Args:
        path: of the TOML file.
        out: folder, instead of the one that the file names.

    Raises:
        ConfigError: unreadable, an unknown key (with the closest one), a name given twice, an option that is missing
            or cannot be used, of any cell.
    """
    content = read_toml(path, "study file")
    where = f"'{path}'"
    study = _table(where, "[study]", content.pop("study", {}), OWN["study"])
    networks, data = (_tables(where, kind, content.pop(kind, None)) for kind in ("network", "data"))
    options = [f.name for f in fields(RunConfig) if f.name not in ("out", "resume")]
    common = _table(where, "", content, (*options, *TABLES))
    folder = out or _parsed(where, "[study], out", as_path, study.get("out"))
    contrast = _contrast(where, study, common)
    common.setdefault("methods", list(contrast))
    cells = [
        _cell(folder, common, network, source)
        for source in data.values()  # of one data set one after the other: its files are in the system's memory then
        for network in networks.values()
    ]
    return StudyConfig(
        title=_parsed(where, "[study], title", as_text, study.get("title", path.stem)),
        out=folder,
        contrast=contrast,
        networks=tuple(_network(where, network) for network in networks.values()),
        cells=tuple(cells),
    )


def _table(where: str, place: str, given: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """A table with known keys, their dashes as underscores."""
    inside = f"{where}, {place}" if place else where
    if not isinstance(given, dict):
        raise ConfigError(f"{inside} is {str(given)[:40]!r}, expected a table")
    table = {key.replace("-", "_"): value for key, value in given.items()}
    for key in table:
        if key not in known:
            raise ConfigError(unknown(f"key in {inside}:", key, known))
    return table


def _tables(where: str, kind: str, given: Any) -> dict[str, dict[str, Any]]:
    """All [[network]] or [[data]] by name."""
    if not isinstance(given, list) or not given:
        raise ConfigError(f"{where} has no [[{kind}]]; a study needs at least one")
    options = tuple(f.name for f in fields(NetworkConfig)) if kind == "network" else DATA
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(given, 1):
        place = f"[[{kind}]] {entry.get('name', number) if isinstance(entry, dict) else number}"
        table = _table(where, place, entry, (*(OWN["network"] if kind == "network" else ("name",)), *options))
        name = table.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(f"{where}, {place}: name is {str(name)[:40]!r}, {EXPECTED}")
        if name.casefold() in {other.casefold() for other in found}:
            raise ConfigError(f"{where} has two [[{kind}]] named '{name}'; give each a name of its own")
        found[name] = table
    return found


def _contrast(where: str, study: Mapping[str, Any], common: Mapping[str, Any]) -> tuple[str, str]:
    """The two methods, which every cell scores."""
    names = _parsed(where, "[study], contrast", as_names, study.get("contrast", list(CONTRAST)))
    if len(names) != 2:
        raise ConfigError(f"{where}, [study]: contrast is {', '.join(names)}, expected two methods")
    methods = _parsed(where, "methods", as_names, common.get("methods", list(names)))
    missing = [name for name in names if name not in methods]
    if missing and not {"all", "fast"} & set(methods):
        raise ConfigError(f"{where}: the contrast needs method '{missing[0]}', and methods are {', '.join(methods)}")
    return names[0], names[1]


def _network(where: str, table: Mapping[str, Any]) -> StudyNetwork:
    """What a study knows of a network beside its options."""
    place = f"[[network]] {table['name']}"
    factors = table.get("factors", {})
    if not isinstance(factors, dict):
        raise ConfigError(f"{where}, {place}: factors is {str(factors)[:40]!r}, expected a table of texts")
    given = {**factors, **{name: table[name] for name in LEVELS if name in table}}
    levels = {str(key): _parsed(where, f"{place}, {key}", as_text, value) for key, value in given.items()}
    trunk = _parsed(where, f"{place}, trunk", as_text, table["trunk"]) if "trunk" in table else ""
    return StudyNetwork(table["name"], trunk, levels)


def _cell(out: Path, common: Mapping[str, Any], network: Mapping[str, Any], data: Mapping[str, Any]) -> StudyCell:
    """The options of a run: those of all, over them those of the network and of the data set."""
    own = {key: value for table in (network, data) for key, value in table.items()}
    options = {key: value for key, value in {**common, **own}.items() if key not in OWN["network"]}
    name = f"{network['name']}--{data['name']}"
    given = {**options, "out": str(out / "cells" / name), "resume": True}
    try:
        config = load_options(RunConfig, None, given)
    except ConfigError as error:
        raise ConfigError(f"{network['name']} on {data['name']}: {error}") from error
    return StudyCell(network["name"], data["name"], config)


def _parsed(where: str, what: str, parse: Any, value: Any) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigError(f"{where}, {what} is {str(value)[:40]!r}, {error}") from error


def check_cells(study: StudyConfig) -> None:
    """Raise unless every cell's files are there and its names mean something.

    Raises:
        ConfigError, WeightsError: the first cell that cannot work, in one line.
    """
    for cell, problem in _problems(study):
        raise ConfigError(f"{cell.said}: {problem}") from problem


def _problems(study: StudyConfig) -> Iterator[tuple[StudyCell, ValueError]]:
    for cell in study.cells:
        config = cell.config
        try:
            if not find_checkpoint(config.weights).exists():
                raise ConfigError(f"weights '{config.weights}' not found")
            known_architectures(config.arch)
            methods = select_methods(config.methods)
            missing = [name for name in study.contrast if name not in methods]
            if missing:
                raise ConfigError(f"the contrast needs method '{missing[0]}', and it is not among --methods")
            select_metrics(config.metrics, config.protocols, config.substrates)
            name = FORMER.get(config.dataset, config.dataset)
            resolve("data set", name, DATASETS)
            if config.data_root is None and name not in ROOTLESS:
                raise ConfigError(f"missing: data-root, the folder or file that dataset {name} reads")
            if config.data_root is not None and not config.data_root.exists() and not config.download:
                raise ConfigError(f"data root '{config.data_root}' not found")
        except (ConfigError, WeightsError) as error:
            yield cell, error
