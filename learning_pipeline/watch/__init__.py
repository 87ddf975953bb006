"""Watching: what the pipeline did, what is to be told, and in which form."""
