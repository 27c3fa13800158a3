"""The one error type whose text is meant for people, printed as a single line; how others' texts become such."""


class RevopsError(Exception):
    """Something the user can understand and mend; its text says what and where."""


class Unreachable(RevopsError):
    """A server does not answer, or went away: the same may work later."""


def in_words(message: str) -> str:
    """A Pydantic message without the library's own prefix; that of a key nobody knows in plain words."""
    if message == "Extra inputs are not permitted":
        return "no such key here"
    return message.removeprefix("Value error, ")
