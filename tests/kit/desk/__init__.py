"""The desk in one process, for tests: a database in memory, and the three services as a test has them answer."""
