"""Statistics of the tidy table: intervals, paired comparison, ranks, change points."""
