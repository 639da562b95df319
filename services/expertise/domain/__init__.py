"""The rules of this service: pure, one file per aggregate; no I/O, no clock, no randomness."""
