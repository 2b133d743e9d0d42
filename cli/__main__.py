"""`artifact-store`, and `python -m artifact_store_cli`."""

import sys

__all__ = ["run"]


def run() -> None:
    """Run the program; Ctrl-C while it still loads ends it as quietly as later."""
    try:
        from .commands import main

        main(prog_name="artifact-store")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
