"""What every test shares."""

import os

from hypothesis import settings

# Speed is measured in benchmarks, not guessed here; CI tries the same examples every time.
settings.register_profile("emulator", deadline=None, max_examples=100, derandomize="CI" in os.environ, database=None)
settings.load_profile("emulator")
