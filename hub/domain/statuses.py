"""The shop's statuses: the built-in ones and its own, which state shows which, and what may be changed about that (R88)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from hub.domain.judgement import NoOp, Rejected
from hub.domain.labels import BUILT_IN, STATUS_LABELS, Statuses
from schemas.commands import AssignStatus, CommandData, CreateStatus, DeleteStatus, SetDefaultStatus, UnassignStatus

__all__ = ["BUILT_IN", "Changed", "Statuses", "change"]

_NO_SUCH: Final = Rejected("status_unknown", "there is no such status")


class Changed(NamedTuple):
    """The statuses after a change. Orders in `states` may have to show another one now: those that show `shown`, or any of them."""

    statuses: Statuses
    code: str
    states: frozenset[str]
    message: str
    shown: str | None = None


def change(before: Statuses, data: CommandData, *, in_use: bool) -> Changed | NoOp | Rejected:
    """Judge one of the status commands, and say what the statuses are after it. `in_use`: an order shows the one named."""
    match data:
        case CreateStatus(code=code):
            if code in before.labels:
                return Rejected("status_exists", f"there is a status {code} already")
            after = replace(before, labels={**before.labels, code: data.label or code})
            if data.state is None:
                return Changed(after, code, frozenset(), f"created {code}")
            # An order may have chosen one of that code, which was deleted since.
            return Changed(_assigned(after, code, data.state), code, frozenset({data.state}), f"created {code}")
        case AssignStatus(code=code, state=state):
            if code not in before.labels:
                return _NO_SUCH
            if code in before.assigned[state]:
                return NoOp(f"{code} is assigned to {state} already")
            return Changed(_assigned(before, code, state), code, frozenset({state}), f"assigned {code} to {state}")
        case UnassignStatus(code=code):
            return _unassign(before, code, data.state)
        case SetDefaultStatus(code=code, state=state):
            if code not in before.labels:
                return _NO_SUCH
            if code not in before.assigned[state]:
                return Rejected("status_not_in_state", f"{code} is not assigned to {state}")
            if before.default[state] == code:
                return NoOp(f"{code} is the default of {state} already")
            after = replace(before, default={**before.default, state: code})
            return Changed(after, code, frozenset({state}), f"{code} is the default of {state}", before.default[state])
        case DeleteStatus(code=code):
            return _delete(before, code, in_use=in_use)
        case _:
            return Rejected("invalid_payload", "not a command about statuses")


def _unassign(before: Statuses, code: str, state: str | None) -> Changed | NoOp | Rejected:
    if code not in before.labels:
        return _NO_SUCH
    states = [one for one in before.assigned if code in before.assigned[one] and state in (None, one)]
    if not states:
        return NoOp(f"{code} is not assigned to {state or 'any state'}")
    last = [one for one in states if before.assigned[one] == (code,)]
    if last:
        return Rejected("last_status", f"{code} is the only status of {', '.join(last)}")
    return Changed(_without(before, code, states), code, frozenset(states), f"unassigned {code} from {', '.join(states)}", code)


def _delete(before: Statuses, code: str, *, in_use: bool) -> Changed | Rejected:
    if code not in before.labels:
        return _NO_SUCH
    if code in STATUS_LABELS:
        return Rejected("status_in_use", f"{code} is built in: take it off its states instead")
    if in_use:
        return Rejected("status_in_use", f"orders show {code}")
    states = [one for one in before.assigned if code in before.assigned[one]]
    if any(before.assigned[one] == (code,) for one in states):
        return Rejected("last_status", f"{code} is the only status of a state")
    after = _without(before, code, states)
    labels = {one: label for one, label in after.labels.items() if one != code}
    return Changed(replace(after, labels=labels), code, frozenset(), f"deleted {code}")


def _assigned(before: Statuses, code: str, state: str) -> Statuses:
    return replace(before, assigned={**before.assigned, state: (*before.assigned[state], code)})


def _without(before: Statuses, code: str, states: list[str]) -> Statuses:
    assigned = {**before.assigned, **{one: tuple(word for word in before.assigned[one] if word != code) for one in states}}
    default = {one: assigned[one][0] if one in states and word == code else word for one, word in before.default.items()}
    return replace(before, assigned=assigned, default=default)


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One status as it is kept and shown."""

    code: str
    label: str
    states: tuple[str, ...]
    default_of: tuple[str, ...]
    built_in: bool


def rows_of(statuses: Statuses) -> list[StatusRow]:
    """List the statuses, one row each, in the order in which their states show them."""
    return [
        StatusRow(
            code,
            label,
            tuple(state for state, codes in statuses.assigned.items() if code in codes),
            tuple(state for state, word in statuses.default.items() if word == code),
            code in STATUS_LABELS,
        )
        for code, label in statuses.labels.items()
    ]


def from_rows(found: Mapping[str, StatusRow]) -> Statuses:
    """Read the statuses back. A built-in one of a later release that has no row yet is as the release has it."""
    labels = {**STATUS_LABELS, **{code: row.label for code, row in found.items()}}
    assigned: dict[str, tuple[str, ...]] = {}
    default = dict(BUILT_IN.default)
    for state, built_in in BUILT_IN.assigned.items():
        codes = [code for code in built_in if code not in found or state in found[code].states]
        codes += [code for code, row in found.items() if state in row.states and code not in codes]
        assigned[state] = tuple(codes)
        chosen = [code for code, row in found.items() if state in row.default_of]
        default[state] = chosen[0] if chosen else default[state] if default[state] in codes else codes[0]
    return Statuses(labels, assigned, default)
