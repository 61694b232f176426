"""The answers of a study in words; every number is one of its tables'."""

import math
from collections.abc import Mapping, Sequence

from metrics.statistics.comparison import ALPHA
from metrics.statistics.networks import FEWEST_NETWORKS
from reports.runs.study import Study
from reports.tables.study import ALL, DIFFERENCE, Answer
from reports.text import label

CAVEAT = (
    "Intervals of the mean and of a new network hold for all questions of this study together (95 %); they describe "
    "the choice of networks and of images. Intervals of single networks are 95 % each and describe the choice of "
    "images."
)


def answer_sentence(answer: Answer, titles: Mapping[str, str], contrast: Sequence[str]) -> str:
    """One plain sentence: who is ahead over the networks, by how much, and what a new network may do.

    Args:
        answer: to one question.
        titles: of the methods, by name.
        contrast: names of the two methods.
    """
    over = answer.found
    if answer.verdict == "undefined":
        what = answer.title if answer.of == DIFFERENCE else f"{answer.title} of {titles[answer.of]}"
        return f"{what}: nothing can be said of other networks ({over.why or 'no value is defined'})."
    a, b = (titles[name] for name in contrast)
    said = _compared(answer, a, b) if answer.of == DIFFERENCE else _gap(answer, titles[answer.of])
    low, high = over.interval(answer.level)
    least, most = over.prediction(answer.level)
    return (
        f"Over {networks_text(answer)} {said}: {over.mean.mean:+.3f} [{low:+.3f}, {high:+.3f}]; a new network may lie "
        f"anywhere from {least:+.3f} to {most:+.3f}."
    )


def networks_text(answer: Answer) -> str:
    """How many networks, and of how many trunks where some share one."""
    over = answer.found
    return f"{over.networks} networks" + (f" of {over.units} trunks" if over.units < over.networks else "")


def detail_sentences(answer: Answer) -> list[str]:
    """What stands behind it: signs, spread, who decides, data sets, factors."""
    over = answer.found
    if answer.verdict == "undefined":
        return []
    own = answer.networks[answer.networks["data"].eq(ALL)]
    above, below = own["mean"] > 0, own["mean"] < 0
    sure = int((own["ci_low"] > 0).sum()), int((own["ci_high"] < 0).sum())
    said = [
        f"{above.sum()} of {len(own)} networks lie above 0 ({sure[0]} by their own interval), {below.sum()} below "
        f"({sure[1]}).",
        f"Standard deviation between networks {over.sd:.3f} [{over.sd_low:.3f}, {over.sd_high:.3f}].",
    ]
    if not math.isnan(over.lowest):
        said.append(
            f"Leaving one network out, the mean lies between {over.lowest:+.3f} and {over.highest:+.3f}; most depends "
            f"on {label(over.influential)}."
        )
    if not math.isnan(over.p_data):
        verb = "differ" if over.p_data < ALPHA else "are not shown to differ"
        means = ", ".join(f"{label(name)} {mean.mean:+.3f}" for name, mean in (over.data or {}).items())
        said.append(f"The data sets {verb} (p = {over.p_data:.2g}): {means}.")
    for factor, (levels, p) in answer.factors.items():
        if not math.isnan(p):
            verb = "differ" if p < ALPHA else "are not shown to differ"
            means = ", ".join(f"{label(name)} {mean.mean:+.3f}" for name, (_, mean) in levels.items())
            said.append(f"By {label(factor)}, the levels {verb} (p = {p:.2g}, by itself): {means}.")
    return said


def study_warnings(study: Study, found: Sequence[Answer]) -> list[str]:
    """What makes the answers incomplete: cells that failed, trunks that are shared, few networks."""
    said = [
        f"Left out: {run.network} on {run.data} could not be scored: {run.error}" for run in study.runs if run.error
    ]
    units = max((answer.found.units for answer in found), default=0)
    if 0 < units < FEWEST_NETWORKS:
        said.append(f"{units} independent network{'s' * (units != 1)}: nothing here holds for another one.")
    return said


def _compared(answer: Answer, a: str, b: str) -> str:
    name = answer.title
    return {
        "better": f"{a} is better than {b} in {name}",
        "worse": f"{b} is better than {a} in {name}",
        "higher": f"{a} is higher than {b} in {name}",
        "lower": f"{b} is higher than {a} in {name}",
        "mixed": f"{a} and {b} differ in {name}, but most networks point the other way than the mean",
    }.get(answer.verdict, f"{a} and {b} are not shown to differ in {name}")


def _gap(answer: Answer, method: str) -> str:
    wrong, right = f"{method}'s wrong-class maps", "the right-class maps"
    return {
        "higher": f"{wrong} are more scattered than {right}",
        "lower": f"{wrong} are less scattered than {right}",
        "mixed": f"{wrong} and {right} differ in scatter, but most networks point the other way than the mean",
    }.get(answer.verdict, f"{wrong} are not shown to be more or less scattered than {right}")
