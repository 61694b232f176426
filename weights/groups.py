"""Groups of outputs that are read as one class each."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from weights.classes import canonical, named_class
from weights.errors import WeightsError

Groups = dict[str, tuple[int, ...]]  # class name to the numbers of its outputs, ascending

MOST = 50_000  # outputs of a network
RANGE = re.compile(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?")
EXAMPLE = "give numbers and ranges from 0, such as cat=281-285,dog=151-268 or cat=281-285+290"
# The 1,000 classes of ILSVRC 2012: what WordNet has below domestic cat and domestic dog. Wild cats, wolves and foxes
# are other classes.
IMAGENET: Groups = {"cat": tuple(range(281, 286)), "dog": tuple(range(151, 269))}
IMAGENET_OUTPUTS = 1000


def as_groups(said: Mapping[str, object], where: str) -> Groups:
    """Outputs of every named class.

    Args:
        said: per name an output's number, a text such as "281-285,290" ("+" does what "," does), or a list of both.
        where: who says it, for messages.

    Raises:
        WeightsError: fewer than two groups, one that is empty or no numbers, an output in two groups, a name twice.
    """
    if not isinstance(said, Mapping) or len(said) < 2:
        names = ", ".join(map(str, said))[:50] if isinstance(said, Mapping) else repr(said)[:50]
        raise WeightsError(f"groups in {where} are {names or 'none'}, expected two named groups or more; {EXAMPLE}")
    groups: Groups = {}
    for name, value in said.items():
        (plain,) = canonical((named_class(name, where),))
        if plain in groups:
            raise WeightsError(f"group '{plain}' in {where} is said twice; give one group for each class")
        groups[plain] = _members(plain, value, where)
    _check_apart(groups, where)
    return groups


def in_words(groups: Mapping[str, Sequence[int]]) -> str:
    """Groups as `--groups` takes them: cat=281-285,dog=151-268."""
    return ",".join(f"{name}={'+'.join(_ranges(members))}" for name, members in groups.items())


def _members(name: str, value: object, where: str) -> tuple[int, ...]:
    parts = value if isinstance(value, list | tuple) else [value]
    texts = [text for part in parts for text in re.split(r"[,+]", part if isinstance(part, str) else repr(part))]
    members: list[int] = []
    for text in texts:
        found = RANGE.fullmatch(text)
        if not found:
            shown = repr(value)[:50]
            raise WeightsError(f"group '{name}' in {where} is {shown}, expected numbers of outputs; {EXAMPLE}")
        low, high = int(found[1]), int(found[2] or found[1])
        if high < low:
            raise WeightsError(f"group '{name}' in {where} has the range {text.strip()}, which is empty; {EXAMPLE}")
        if high >= MOST:
            raise WeightsError(f"group '{name}' in {where} has output {high}, expected at most {MOST - 1}")
        members += range(low, high + 1)
        if len(members) > MOST:
            break
    if not members:
        raise WeightsError(f"group '{name}' in {where} is empty; {EXAMPLE}")
    if len(set(members)) < len(members):
        twice = next(member for member, count in Counter(members).items() if count > 1)
        raise WeightsError(f"group '{name}' in {where} has output {twice} twice; name each once")
    return tuple(sorted(members))


def _check_apart(groups: Groups, where: str) -> None:
    owners: dict[int, str] = {}
    for name, members in groups.items():
        for member in members:
            if member in owners:
                both = f"'{owners[member]}' and '{name}'"
                raise WeightsError(f"output {member} is in the groups {both} of {where}; leave it in one of them")
            owners[member] = name


def _ranges(members: Sequence[int]) -> list[str]:
    said: list[list[int]] = []
    for member in sorted(members):
        if said and member == said[-1][1] + 1:
            said[-1][1] = member
        else:
            said.append([member, member])
    return [str(low) if low == high else f"{low}-{high}" for low, high in said]
