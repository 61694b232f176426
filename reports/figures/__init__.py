"""Figures: functions of runs and tables."""
