"""The one error type whose text is meant for people, printed as a single line; how others' texts become such."""

import re

LONGEST = 4000
BREAK = re.compile(r"\s*[\n\r\t]\s*")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff]")


def printable(text: str) -> str:
    """A text on one line that can be printed and stored: what cannot stands as an escape."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class RevopsError(Exception):
    """Something the user can understand and mend; its text says what and where, on one line, whatever it quotes."""

    def __str__(self) -> str:
        text = printable(BREAK.sub(" ", super().__str__()))
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


class NotFound(RevopsError):
    """There is no such thing."""


class Unreachable(RevopsError):
    """A server does not answer, or went away: the same may work later."""


class Interrupted(BaseException):
    """Ctrl-C. No KeyboardInterrupt, which libraries take for theirs."""


def quoted(value: str) -> str:
    """A value as it is quoted in a message: not all of a long one."""
    return repr(value if len(value) <= 60 else value[:60] + "…")


def in_words(message: str) -> str:
    """A Pydantic message without the library's own prefix; that of a key nobody knows in plain words."""
    if message == "Extra inputs are not permitted":
        return "no such key here"
    return message.removeprefix("Value error, ")


def on_one_line(message: str) -> str:
    """What an error of a run says, without the name of its class and without line breaks."""
    return " ".join(re.sub(r"^(\w+\.)+\w+: ", "", message).split())
