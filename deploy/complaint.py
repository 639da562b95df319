"""The one exception that is meant for people."""


class Complaint(Exception):
    """Something a person can act on; the command line prints its single sentence and no stack trace."""


class Interrupted(Exception):
    """Somebody asked to stop while things were being started; what was started is stopped already."""
