"""`cambench compare`: what changed between two runs of the same job."""

import argparse
import sys
from collections.abc import Sequence

from bench.commands.arguments import PATH, Commands
from bench.errors import GateError


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("compare", help="what changed between two runs of the same job")
    parser.add_argument("run_a", type=PATH, metavar="RUN_A", help="the earlier run")
    parser.add_argument("run_b", type=PATH, metavar="RUN_B")
    parser.add_argument("--gates", type=PATH, metavar="FILE.toml", help="tolerances (default: 0.002, speed 5 %%)")
    parser.add_argument("--fail-on-regression", action="store_true", help="exit 1 if a gate fails")
    parser.add_argument("--out", type=PATH, metavar="DIR", help="write the tables there")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints what changed.

    Raises:
        GateError: a regression, where that is to fail.
    """
    from bench.nights.gates import Gates, load_gates
    from bench.nights.two_runs import compare

    found = compare(options.run_a, options.run_b, load_gates(options.gates) if options.gates else Gates())
    print("\n".join(found.lines()))
    if options.out:
        found.write(options.out)
        print(f"  {options.out / 'compare_quality.csv'}  every metric; also compare_speed and compare_changed")
    _raise_culprits(found.culprits, fail=options.fail_on_regression)


def _raise_culprits(culprits: Sequence[str], *, fail: bool) -> None:
    """Every culprit as one line; the exit code says so if it is to fail."""
    for line in culprits:
        print(f"regression: {line}", file=sys.stderr)
    if culprits and fail:
        raise GateError(f"{len(culprits)} regressions, see above")
