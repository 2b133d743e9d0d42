"""`python -m artifact_store_cli`."""

from . import main

main(prog_name="artifact-store")
