"""Tables: functions of runs."""
