"""The one error type whose text is meant for people: the command line prints it as a single line."""


class RevopsError(Exception):
    """Something the user can understand and mend; its text says what and where."""
