"""A study: the same two methods on many networks and data sets, one answer per headline question."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from metrics.statistics.comparison import ALPHA, HEADLINE_FAMILY, holm
from metrics.statistics.estimate import Estimate
from metrics.statistics.networks import VALUES, OverNetworks, factor_levels, over_networks, own_mean
from reports.runs.run import GAP, ReportError, Run, title
from reports.runs.study import Study, StudyRun
from reports.tables.comparison import values_by_image

ALL = "all"  # data sets together
ARCHITECTURE = "architecture"
DIFFERENCE = "difference"  # a - b; any other `of` is a method of its own
STUDY = [
    "question", "metric", "role", "of", "networks", "trunks", "images", "n_undefined", "mean", "error", "freedom",
    "ci_low", "ci_high", "family_low", "family_high", "p_value", "p_holm", "verdict", "detectable", "new_low",
    "new_high", "family_new_low", "family_new_high", "sd_networks", "sd_low", "sd_high", "sd_data", "sd_images",
    "sd_rest", "above", "above_surely", "below", "below_surely", "lowest", "highest", "influential", "p_data", "why",
]  # fmt: skip
STUDY_NETWORKS = [
    "question", "network", "trunk", "data", "n", "n_undefined", "mean", "ci_low", "ci_high",
]  # fmt: skip
STUDY_DATA = ["question", "data", "mean", "ci_low", "ci_high", "p_data"]
STUDY_FACTORS = ["question", "factor", "level", "networks", "mean", "ci_low", "ci_high", "p_factor"]


@dataclass(frozen=True)
class Answer:
    """A question and what the study says.

    Attributes:
        metric: that is asked for.
        role: of its maps, or gap.
        of: difference, or the method whose gap it is.
        title: of the metric.
        direction: of the metric: higher, lower or none.
        found: the statement over networks.
        networks: columns `STUDY_NETWORKS`.
        factors: per factor its levels (networks and mean) and p.
        level: alpha of the intervals that hold together for all questions.
        p_holm: corrected for all questions.
        verdict: better, worse, higher, lower, mixed, no difference shown, undefined: said of a, or of the gap.
    """

    metric: str
    role: str
    of: str
    title: str
    direction: str
    found: OverNetworks
    networks: pd.DataFrame
    factors: Mapping[str, tuple[Mapping[str, tuple[int, Estimate]], float]]
    level: float = ALPHA
    p_holm: float = math.nan
    verdict: str = "undefined"

    @property
    def name(self) -> str:
        """Of the question, in tables and files."""
        return self.metric if self.of == DIFFERENCE else f"{self.metric}_{self.of}"


def answers(study: Study) -> list[Answer]:
    """Every headline question that the finished cells have values of, corrected together by Holm.

    Raises:
        ReportError: a cell that is damaged, or lacks one of the two methods.
    """
    values: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    titles: dict[str, tuple[str, str]] = {}
    architectures: dict[str, str] = {}
    for cell in study.runs:
        if cell.error is None:
            run = Run(cell.folder)
            architectures[cell.network] = str(run.manifest["checkpoint"]["arch"])
            for metric, role, of, frame in _values(run, study, cell):
                values.setdefault((metric, role, of), []).append(frame)
                direction = run.manifest["metrics"].get(metric, {}).get("direction", "none")
                titles[metric] = (title(run.manifest, metric), direction)
    levels = _levels(study, architectures)
    found = [
        _answer(study, metric, role, of, titles[metric], pd.concat(values[metric, role, of], ignore_index=True), levels)
        for metric, role in HEADLINE_FAMILY
        for of in (DIFFERENCE, *study.contrast)
        if (metric, role, of) in values
    ]
    return judged(found)


def judged(found: Sequence[Answer]) -> list[Answer]:
    """The answers with p corrected for all of them, their common level and verdicts."""
    corrected = holm([answer.found.p_value for answer in found])
    level = ALPHA / max(1, sum(not math.isnan(p) for p in corrected))
    return [
        Answer(**{**vars(answer), "level": level, "p_holm": p, "verdict": verdict_of(answer, p)})
        for answer, p in zip(found, corrected, strict=True)
    ]


def study_table(found: Sequence[Answer]) -> pd.DataFrame:
    """A row per question."""
    rows = []
    for answer in found:
        over, mean = answer.found, answer.found.mean
        own = answer.networks[answer.networks["data"].eq(ALL)]
        parts = over.variances.array**0.5 if over.variances else [math.nan] * 4
        signs = [
            sum(own["mean"] > 0), sum(own["ci_low"] > 0), sum(own["mean"] < 0), sum(own["ci_high"] < 0)
        ]  # fmt: skip
        rows.append(
            (
                answer.name, answer.metric, answer.role, answer.of, over.networks, over.units, over.images,
                over.n_undefined, mean.mean, mean.error, mean.freedom, *over.interval(ALPHA),
                *over.interval(answer.level), over.p_value, answer.p_holm, answer.verdict,
                over.detectable(answer.level), *over.prediction(ALPHA), *over.prediction(answer.level), over.sd,
                over.sd_low, over.sd_high, parts[1], parts[2], parts[3], *signs, over.lowest, over.highest,
                over.influential, over.p_data, over.why,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=STUDY)


def data_table(found: Sequence[Answer]) -> pd.DataFrame:
    """A row per question and data set; empty where there is one data set."""
    rows = [
        (answer.name, name, mean.mean, *mean.limits(ALPHA), answer.found.p_data)
        for answer in found
        for name, mean in (answer.found.data or {}).items()
        if len(answer.found.data or {}) > 1
    ]
    return pd.DataFrame(rows, columns=STUDY_DATA)


def factor_table(found: Sequence[Answer]) -> pd.DataFrame:
    """A row per question, factor and level."""
    rows = [
        (answer.name, factor, level, count, mean.mean, *mean.limits(ALPHA), p)
        for answer in found
        for factor, (levels, p) in answer.factors.items()
        for level, (count, mean) in levels.items()
    ]
    return pd.DataFrame(rows, columns=STUDY_FACTORS)


def _values(run: Run, study: Study, cell: StudyRun) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Metric, role, `of` and values by image of every headline question of a run, at its first layer."""
    a, b = study.contrast
    missing = [name for name in study.contrast if name not in run.methods]
    if missing:
        raise ReportError(f"'{run.folder}' has no method '{missing[0]}'; score the cell again")
    trunks = {network.name: network.trunk or network.name for network in study.networks}
    for layer, role, metric, wide, groups in values_by_image(run):
        if layer != run.layers[0] or (metric, role) not in HEADLINE_FAMILY or not {a, b} <= set(wide):
            continue
        single = {name: wide[name] for name in study.contrast} if role == GAP else {}
        for of, values in {DIFFERENCE: wide[a] - wide[b], **single}.items():
            strata = "" if groups is None else groups.reindex(values.index).astype(str).to_numpy()
            frame = pd.DataFrame({"image": values.index.astype(str), "value": values.to_numpy(float)})
            frame = frame.assign(network=cell.network, unit=trunks[cell.network], data=cell.data, stratum=strata)
            yield metric, role, of, frame[VALUES]


def _levels(study: Study, architectures: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Level by network, per factor."""
    levels: dict[str, dict[str, str]] = {}
    for network in study.networks:
        own = {ARCHITECTURE: architectures[network.name]} if network.name in architectures else {}
        for factor, level in {**own, **network.factors}.items():
            levels.setdefault(factor, {})[network.name] = level
    return levels


def _answer(
    study: Study,
    metric: str,
    role: str,
    of: str,
    described: tuple[str, str],
    values: pd.DataFrame,
    levels: Mapping[str, Mapping[str, str]],
) -> Answer:
    rows, several = [], len(values["data"].unique()) > 1
    for network in study.networks:
        mine = values[values["network"].eq(network.name)]
        parts = [(ALL, mine), *mine.groupby("data", sort=False)]
        for data, part in parts if several else parts[:1]:
            if len(part):
                mean, low, high, n = own_mean(part)
                rows.append((network.name, network.trunk, data, n, int(part["value"].isna().sum()), mean, low, high))
    networks = pd.DataFrame(rows, columns=STUDY_NETWORKS[1:])
    factors = {factor: factor_levels(values, own) for factor, own in levels.items()}
    answer = Answer(metric, role, of, *described, over_networks(values), networks, factors)
    networks.insert(0, "question", answer.name)
    return answer


def verdict_of(answer: Answer, p: float) -> str:
    """What a corrected p lets say: test, mean and the most networks have to point the same way."""
    mean = answer.found.mean.mean
    if math.isnan(p):
        return "undefined"
    middle = answer.networks.loc[answer.networks["data"].eq(ALL), "mean"].median()
    if p >= ALPHA or mean == 0:
        return "no difference shown"
    if mean * middle < 0:
        return "mixed"
    larger = mean > 0
    if answer.direction == "none" or answer.of != DIFFERENCE:
        return "higher" if larger else "lower"
    return "better" if larger == (answer.direction == "higher") else "worse"
