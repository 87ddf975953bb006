"""Readers of raw formats: pure functions from bytes to records and rejects."""
