"""Spreadsheets of agencies as events: what a mapping says, what a file holds, and what each of its rows becomes.

Nothing here knows Kafka or a running system: a file and a mapping give the same events wherever they are read. Who
publishes them is `deploy/cli/importing.py`.
"""
