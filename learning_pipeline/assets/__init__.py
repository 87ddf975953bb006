"""Dagster: assets, checks, partitions, jobs, the schedule, the sensor. Thin bodies, rich metadata."""
