"""Dagster: assets, checks, partitions, jobs, schedules, sensors, resources."""
