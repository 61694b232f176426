"""`cambench layers`: which layers of a network can be tapped."""

import argparse

from bench.commands.arguments import PATH, Commands, checked
from bench.errors import ConfigError
from bench.options import as_text


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("layers", help="which layers of a network can be tapped, with the sizes of their maps")
    parser.add_argument("--arch", type=checked(as_text), metavar="NAME", help="or package.module:function")
    parser.add_argument("--weights", type=PATH, metavar="FILE|NAME", help="default: an untrained network")
    parser.add_argument("--reshape", type=checked(as_text), default="auto", metavar="NAME", help="as of cambench run")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints the table.

    Raises:
        ConfigError: neither an architecture nor weights.
    """
    if options.arch is None and options.weights is None:
        raise ConfigError("missing: --arch NAME, or --weights FILE whose architecture is known")
    from bench.layers import layers_text, with_open_heads
    from bench.run.plan import known_architectures
    from weights import fresh_classifier, load_classifier, tried

    architectures = known_architectures(options.arch)
    if options.weights is None:
        classifier = fresh_classifier(options.arch, architectures=architectures)
        with_open_heads(classifier.network)
    else:
        classifier = tried(load_classifier(options.weights, arch=options.arch, architectures=architectures))
    print(layers_text(classifier, architectures, options.reshape))
