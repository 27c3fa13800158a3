"""The one error type whose text is meant for people, printed as a single line; how others' texts become such."""

import re


class RevopsError(Exception):
    """Something the user can understand and mend; its text says what and where."""


class NotFound(RevopsError):
    """There is no such thing."""


class Unreachable(RevopsError):
    """A server does not answer, or went away: the same may work later."""


class Interrupted(BaseException):
    """Ctrl-C. No KeyboardInterrupt, which libraries take for theirs."""


def in_words(message: str) -> str:
    """A Pydantic message without the library's own prefix; that of a key nobody knows in plain words."""
    if message == "Extra inputs are not permitted":
        return "no such key here"
    return message.removeprefix("Value error, ")


def on_one_line(message: str) -> str:
    """What an error of a run says, without the name of its class and without line breaks."""
    return " ".join(re.sub(r"^(\w+\.)+\w+: ", "", message).split())
