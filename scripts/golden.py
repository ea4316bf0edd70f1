"""Golden cases: what an adapter makes of a recorded delivery. Run as a script, it rewrites expected.json and shows the diff.

A case is a folder tests/golden/<family>/<provider>/<case>/ with
    payload.*       the body, byte for byte
    headers.json    optional: AMQP headers; hub-received-at gives the time of receipt
    fetch.json      optional: {"resource", "resource_id"}; the payload is then the answer to that Fetch
    expected.json   what comes out, written by hand before the first run
    SOURCE.md       where the payload comes from, and when
Rewriting only shows that the output did not change. Every instant and every amount is checked by hand in review.
"""

import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from adapters.contract import (
    ENTRY_POINT_GROUP,
    Adapter,
    AdapterError,
    Facts,
    Fetch,
    HttpResponse,
    Ignored,
    RawDelivery,
    Translation,
)  # fmt: skip

ROOT: Final = Path(__file__).resolve().parent.parent / "tests" / "golden"
RECEIVED_AT: Final = datetime.fromisoformat("2026-12-01T12:00:00+00:00")


def registered() -> dict[str, Adapter]:
    """Return every registered adapter by name."""
    adapters = [entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP)]
    return {adapter.name: adapter for adapter in adapters}


@dataclass(frozen=True, slots=True)
class Case:
    """One golden case."""

    folder: Path

    @property
    def name(self) -> str:
        """`payments.pix/captured`."""
        family, provider, case = self.folder.relative_to(ROOT).parts
        return f"{family}.{provider}/{case}"

    @property
    def adapter_name(self) -> str:
        """The adapter it is for."""
        return self.name.partition("/")[0]

    @property
    def payload(self) -> bytes:
        """The body."""
        return self._path.read_bytes()

    @property
    def is_json(self) -> bool:
        """Whether the body is written as JSON, rightly or not."""
        return self._path.suffix == ".json"

    @property
    def is_lines(self) -> bool:
        """Whether the body is lines of fixed width."""
        return self._path.suffix == ".ret"

    @property
    def _path(self) -> Path:
        (path,) = self.folder.glob("payload.*")
        return path

    @property
    def delivery(self) -> RawDelivery:
        """The delivery as the hub would take it from the queue."""
        headers: dict[str, object] = self._json("headers.json") or {}
        received_at = headers.get("hub-received-at")
        return RawDelivery(
            self.payload,
            headers,
            datetime.fromisoformat(received_at) if isinstance(received_at, str) else RECEIVED_AT,
            self.adapter_name,
        )

    @property
    def fetch(self) -> Fetch | None:
        """The Fetch that the payload answers, if it is an answer."""
        fetch = self._json("fetch.json")
        return Fetch(fetch["resource"], fetch["resource_id"]) if fetch else None

    @property
    def expected(self) -> Any:
        """What should come out."""
        return self._json("expected.json")

    def actual(self, adapter: Adapter) -> dict[str, Any]:
        """What does come out."""
        try:
            return shown(self.translate(adapter))
        except AdapterError as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def translate(self, adapter: Adapter) -> Translation:
        """Run the adapter. Raises: AdapterError."""
        delivery, fetch = self.delivery, self.fetch
        if fetch is None:
            return adapter.translate(delivery)
        assert adapter.parse_response is not None, f"{adapter.name} reads no answers"
        return adapter.parse_response(fetch, HttpResponse(200, {}, delivery.body), delivery.received_at)

    def _json(self, name: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def shown(translation: Translation) -> dict[str, Any]:
    """Return a translation as expected.json shows it; what has its default value is left out."""
    result: dict[str, Any] = {}
    match translation:
        case Facts(facts=facts, failed=failed):
            result["facts"] = [fact.model_dump(mode="json", exclude_defaults=True) for fact in facts]
            if failed:
                result["failed"] = [{"cause": part.cause, "part": part.part.decode(errors="backslashreplace")} for part in failed]
        case Ignored(reason=reason):
            result["ignored"] = reason
        case Fetch(resource=resource, resource_id=resource_id):
            result["fetch"] = {"resource": resource, "resource_id": resource_id}
    if translation.delivery_id is not None:
        result["delivery_id"] = translation.delivery_id
    return result


def cases() -> list[Case]:
    """Return all cases, in name order."""
    return [Case(path.parent) for path in sorted(ROOT.glob("*/*/*/SOURCE.md"))]


def text(document: Mapping[str, Any]) -> str:
    """Return the text of expected.json."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def differences(case: Case, adapter: Adapter) -> Iterator[str]:
    """Return the unified diff between what is expected and what comes out; nothing when they are equal."""
    expected, actual = case.expected, case.actual(adapter)
    if expected == actual:
        return
    yield from difflib.unified_diff(
        text(expected or {}).splitlines(), text(actual).splitlines(), f"{case.name}: expected", f"{case.name}: actual", lineterm=""
    )


def main() -> int:
    """Rewrite expected.json where it differs, and show how. Exit 1 if anything changed."""
    adapters = registered()
    changed = 0
    for case in cases():
        lines = list(differences(case, adapters[case.adapter_name]))
        if lines:
            changed += 1
            print("\n".join(lines))
            (case.folder / "expected.json").write_text(text(case.actual(adapters[case.adapter_name])), encoding="utf-8")
    print(f"{changed} of {len(cases())} cases rewritten; check every instant and amount by hand" if changed else "nothing changed")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
