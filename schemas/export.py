"""Write the models as JSON Schema files: `python -m schemas.export --check | --write [DIR]`."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from schemas.commands import COMMANDS, CommandReply, message_model
from schemas.documents import DeadLetterView, ExceptionView, OrderView, ReplayOutput
from schemas.erp import ErpEvent
from schemas.events import EVENTS
from schemas.facts import FiscalFact, OrderFact, PaymentFact, ShipmentFact
from schemas.orders import OrderCanceledMessage, OrderPlacedMessage
from schemas.payments import GenericFacts
from schemas.shipments import GenericShipmentFacts

FOLDER: Final = Path(__file__).parent / "json"

NOT_OURS: Final = frozenset({"asyncapi.json"})
"""Files in the folder that other programs write."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# What the hub reads: a field that the model does not know is a mistake there, and the schema says so.
_READ: Final[Mapping[str, type[BaseModel]]] = {
    "fact.payment.v1": PaymentFact,
    "fact.shipment.v1": ShipmentFact,
    "fact.fiscal.v1": FiscalFact,
    "fact.order.v1": OrderFact,
    "shop.order.placed.v1": OrderPlacedMessage,
    "shop.order.canceled.v1": OrderCanceledMessage,
    "erp.event.v1": ErpEvent,
    "payment.facts.v1": GenericFacts,
    "shipment.facts.v1": GenericShipmentFacts,
}

# What the hub writes: inside a version fields are added, so nobody must be told to refuse unknown ones.
_WRITTEN: Final[Mapping[str, type[BaseModel]]] = {
    "command.reply.v1": CommandReply,
    **{f"event.{pattern.replace('.*', '')}.v1": model for pattern, model in EVENTS.items()},
    "document.order.v1": OrderView,
    "document.exception.v1": ExceptionView,
    "document.dead_letter.v1": DeadLetterView,
    "document.replay.v1": ReplayOutput,
}


class _Plain(GenerateJsonSchema):
    """Without a title on every property, which only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        return {"$schema": _DIALECT, **super().generate(schema, mode)}


def opened(schema: Any) -> Any:
    """Return the schema without `additionalProperties: false`, at any depth."""
    if isinstance(schema, dict):
        return {key: opened(value) for key, value in schema.items() if not (key == "additionalProperties" and value is False)}
    if isinstance(schema, list):
        return [opened(value) for value in schema]
    return schema


def documents() -> Iterator[tuple[str, str]]:
    """Yield file name and content of every schema, in name order."""
    schemas = {name: model.model_json_schema(schema_generator=_Plain) for name, model in _READ.items()}
    schemas |= {f"command.{name}.v1": message_model(name).model_json_schema(schema_generator=_Plain) for name in COMMANDS}
    schemas |= {name: opened(model.model_json_schema(schema_generator=_Plain)) for name, model in _WRITTEN.items()}
    for name, schema in sorted(schemas.items()):
        schema["$id"] = f"urn:order-hub:{name}"
        yield f"{name}.json", stable_json(schema)


def stable_json(document: object) -> str:
    """Write a JSON document the same way every time, for review line by line."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def drift(folder: Path) -> list[str]:
    """Name each file of the folder that is missing, differs from the models, or belongs to no model."""
    wanted = dict(documents())
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.json") if path.name not in NOT_OURS}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write(folder: Path) -> list[str]:
    """Bring the folder in line with the models; return what was changed."""
    changed = drift(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = dict(documents())
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], "utf-8")
        else:
            (folder / name).unlink()
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description="JSON Schema files of the published language")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="exit 1 and name the files that differ from the models")
    action.add_argument("--write", action="store_true", help="bring the files in line with the models")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="DIR")
    options = parser.parse_args(arguments)
    changed = write(options.folder) if options.write else drift(options.folder)
    for name in changed:
        sys.stdout.write(f"{'wrote' if options.write else 'differs'} {name}\n")
    return 1 if changed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
