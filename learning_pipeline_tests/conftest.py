"""Settings of all tests."""

import os

from hypothesis import settings

# In CI the same examples every time: what fails there can be run again. Elsewhere new ones are tried.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
