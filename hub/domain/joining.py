"""Which records speak of one and the same thing: those that share a name, or are linked by a chain of shared names."""

from collections.abc import Iterable
from typing import TypeVar

Member = TypeVar("Member")


def joined(named: Iterable[tuple[set[str], Member]]) -> list[list[Member]]:
    """Group the members; each stands behind those that came before it. Takes time in proportion to the names."""
    groups: list[list[Member]] = []
    names_of: list[set[str]] = []
    group_of: dict[str, int] = {}
    for names, member in named:
        found = sorted({group_of[name] for name in names if name in group_of})
        if not found:
            found = [len(groups)]
            groups.append([])
            names_of.append(set())
        into = found[0]
        for other in found[1:]:
            groups[into].extend(groups[other])
            names_of[into] |= names_of[other]
            group_of.update(dict.fromkeys(names_of[other], into))
            groups[other], names_of[other] = [], set()
        groups[into].append(member)
        names_of[into] |= names
        group_of.update(dict.fromkeys(names, into))
    return [group for group in groups if group]
