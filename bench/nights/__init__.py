"""Night after night: gates, verdicts, and two runs held against each other."""
