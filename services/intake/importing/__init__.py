"""Spreadsheets of agencies as events: what a mapping says, what a file holds, and what each of its rows becomes.

A file and a mapping give the same events wherever they are read: by the command line, which publishes them over Kafka
(`deploy/cli/importing.py`), and by a job of intake (`jobs.py`), which an agency asks for over HTTP.
"""
