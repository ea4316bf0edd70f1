"""The published language of the hub: facts, commands and events as pydantic models."""
