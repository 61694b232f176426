"""`cambench compare`: what changed between two runs of the same job."""

import argparse
from pathlib import Path

from bench.commands.arguments import PATH, Commands, add_table
from bench.commands.quick import require_runs
from bench.errors import GateError, NotComparable


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("compare", help="what changed between two runs of the same job")
    parser.add_argument("run_a", type=PATH, metavar="RUN_A", help="the earlier run")
    parser.add_argument("run_b", type=PATH, metavar="RUN_B", help="the later one")
    parser.add_argument("--gates", type=PATH, metavar="FILE.toml", help="tolerances (default: 0.002, speed 5 %%)")
    parser.add_argument("--fail-on-regression", action="store_true", help="exit 1 if a gate fails")
    text = "where page, comment and tables go (default: RUN_B/compare/NAME_OF_RUN_A)"
    parser.add_argument("--out", type=PATH, metavar="DIR", help=text)
    add_table(parser)
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints what changed, and writes page, comment and tables.

    Raises:
        GateError: a regression, where that is to fail.
        NotComparable: runs of other images or protocols.
    """
    require_runs(options.run_a, options.run_b)
    from bench.nights.gates import Gates, load_gates
    from bench.nights.publish import COMMENT, PAGE, write
    from bench.nights.two_runs import compare
    from reports.tables.two_runs import IncomparableError
    from reports.text import file_stem

    gates = load_gates(options.gates) if options.gates else Gates()
    try:
        found = compare(options.run_a, options.run_b, gates)
    except IncomparableError as error:
        two = f"'{options.run_a}' and '{options.run_b}' are no runs of the same job"
        raise NotComparable(f"NOT COMPARABLE: {error.reasons[0]}", [*error.reasons[1:], two]) from error
    out: Path = options.out or options.run_b / "compare" / file_stem(options.run_a.resolve().name)
    write(found, out)
    print("\n".join(found.lines(None if options.table == "all" else 12)))
    print(f"\n  {out / PAGE}  images side by side: open it in a browser")
    print(f"  {out / COMMENT}  the same for a pull request; compare_quality.csv has every metric\n")
    if found.culprits and options.fail_on_regression:
        raise GateError(found.headline, found.details)
    print(found.headline, *(f"  {line}" for line in found.details), sep="\n")
