"""YAML that anybody may have written, read within bounds: so large, so deep, without tags."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

from revops_assets.errors import RevopsError

LARGEST = 1_000_000  # bytes
DEEPEST = 40
MOST_ENTRIES = 50_000


class YamlFault(RevopsError):
    """What is wrong with a document, and in which line, if that is known."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line


class Bounded(Composer, CParser, SafeConstructor, Resolver):
    """Refuses tags, depth, and aliases (where they are read at all) that stand for more than could be written out.

    libyaml parses (several times faster than Python), PyYAML composes, where the bounds are kept.
    """

    with_aliases = False

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self.depth = 0
        self.measured: dict[yaml.Node, tuple[int, int]] = {}  # entries and levels, with what aliases stand for

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            return self._named(event, super().compose_node(parent, index) if self.with_aliases else None)
        if event.tag is not None:
            raise _refused("tags are not read", event)
        self.depth += 1
        if self.depth > DEEPEST:
            raise _refused(f"nested deeper than {DEEPEST} levels", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None:
            self._measure(node)
        return node

    def _named(self, event: yaml.Event, node: yaml.Node | None) -> yaml.Node:
        if node is None:
            raise _refused("aliases are not read", event)
        if node not in self.measured:
            raise _refused("an alias within what it stands for", event)
        return node

    def _measure(self, node: yaml.Node) -> None:
        _check(node)
        within = [self.measured[inner] for inner in _inner(node)]
        entries = 1 + sum(entries for entries, _ in within)
        levels = 1 + max((levels for _, levels in within), default=0)
        if entries > MOST_ENTRIES or levels > DEEPEST:
            raise _refused(f"more than {MOST_ENTRIES:,} entries or {DEEPEST} levels", node)
        self.measured[node] = entries, levels


def read_yaml(body: bytes, loader: type[Bounded] = Bounded) -> tuple[yaml.Node | None, Any]:
    """A document's nodes, which know their lines, and what it says; YamlFault if it is not read."""
    if len(body) > LARGEST:
        raise YamlFault(None, f"is larger than {LARGEST:,} bytes")
    try:
        reading = loader(body.decode("utf-8-sig"))
        node = reading.get_single_node()
        return node, reading.construct_document(node) if node else None
    except UnicodeDecodeError as error:
        raise YamlFault(None, f"is not UTF-8: byte {error.start}") from None
    except yaml.MarkedYAMLError as error:
        lines = len(body.splitlines())  # what is missing at the end is missing in the last
        line = min(error.problem_mark.line + 1, lines) if error.problem_mark else None
        raise YamlFault(line, f"no YAML that is read here: {error.problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # of characters, numbers and dates that there are not
        raise YamlFault(None, f"no YAML that is read here: {' '.join(str(error).split())}") from None


def _check(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.ScalarNode):
        if "\0" in node.value or any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise _refused("a text with a NUL character or half of a surrogate pair", node)
    elif isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":null"):
                raise _refused("a key that is no text", key)


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _refused(problem: str, at: Any) -> yaml.MarkedYAMLError:
    """`at`: the event or the node."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
