"""HTML pages of runs, tables and figures."""
