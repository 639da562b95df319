"""Settings of the contract tests: a slow machine is no failure."""

from hypothesis import settings

settings.register_profile("contract", deadline=None)
settings.load_profile("contract")
