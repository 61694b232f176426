"""Studies: networks x data sets, a run directory per cell, one verdict over all of them."""
