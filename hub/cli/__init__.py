"""The command line `hub`: one module per noun."""


def main() -> None:
    """Run the command line; the entry point `hub`."""
    from hub.cli.app import app

    app()
