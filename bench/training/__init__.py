"""`cambench train`."""
