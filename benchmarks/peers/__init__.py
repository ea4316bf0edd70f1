"""What the hub is compared with: programs of their own that turn the same messages into the same rows and events."""
