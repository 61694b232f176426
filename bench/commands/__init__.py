"""One file per command: `add` gives its arguments, `execute` does it; imports late, so that --help answers at once."""
