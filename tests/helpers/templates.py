"""Empty stores, copied from one whose migrations ran once.

To run the migrations takes longer than most tests do with their store, so a test whose subject is not an empty database
starts from a copy.
"""

import shutil
from pathlib import Path

from artifact_store import ArtifactStore

__all__ = ["Templates"]

COPY_OF_A_SCHEMA = """
SELECT format('CREATE TABLE %I (LIKE template.%1$I INCLUDING ALL EXCLUDING INDEXES)', tablename)
FROM pg_tables WHERE schemaname = 'template'
UNION ALL
SELECT replace(indexdef, ' ON template.', ' ON ')
FROM pg_indexes WHERE schemaname = 'template'
UNION ALL
SELECT format('ALTER TABLE %I ADD PRIMARY KEY USING INDEX %I', relname, conname)
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE contype = 'p' AND connamespace = 'template'::regnamespace
UNION ALL
SELECT format(
    'ALTER TABLE %I ADD CONSTRAINT %I %s', relname, conname,
    replace(pg_get_constraintdef(pg_constraint.oid), ' REFERENCES template.', ' REFERENCES ')
)
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE contype = 'f' AND connamespace = 'template'::regnamespace
UNION ALL
SELECT 'INSERT INTO artifact_store_migration SELECT * FROM template.artifact_store_migration'
"""


class Templates:
    """An empty SQLite store, and for each PostgreSQL server the statements that make one; both are made when needed."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "template.db"
        self._scripts: dict[str, str] = {}

    def create_store(self, url: str) -> None:
        """Create an empty store at an address where there is no database yet."""
        if url.startswith("sqlite:///"):
            self._create_file(Path(url.removeprefix("sqlite:///").partition("?")[0]))
        else:
            server, _, rest = url.partition("&schema=")
            self._create_schema(server, rest.partition("&")[0])

    def _create_file(self, path: Path) -> None:
        if not self._file.exists():
            ArtifactStore(f"sqlite:///{self._file}").close()
        assert not path.exists()
        shutil.copy(self._file, path)

    def _create_schema(self, server: str, name: str) -> None:
        import psycopg

        if server not in self._scripts:
            ArtifactStore(f"{server}&schema=template").close()
        with psycopg.connect(server, autocommit=True) as connection:
            if server not in self._scripts:
                statements = connection.execute(COPY_OF_A_SCHEMA).fetchall()
                self._scripts[server] = ";".join(statement for (statement,) in statements)
            create = f"CREATE SCHEMA {name}; SET search_path TO {name};"
            connection.execute((create + self._scripts[server]).encode())
