"""The outside world over HTTP: performs what adapters describe and hands the answers back to the engine (architecture D9)."""
