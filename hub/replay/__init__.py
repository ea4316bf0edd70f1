"""The embedded main job: files through the same engine as live traffic, without a broker (contract.md, Replay input and output)."""
