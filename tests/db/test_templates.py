"""The stores that tests start from are those that migrations make."""

from artifact_store import ArtifactStore
from tests.helpers.bare import bare
from tests.helpers.templates import Templates

STRUCTURE = {
    "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name",
    "postgresql": """
SELECT 'column', format('%s.%s', table_name, column_name),
    format('%s %s %s', data_type, collation_name, is_nullable), ordinal_position
FROM information_schema.columns WHERE table_schema = current_schema
UNION ALL
SELECT 'index', indexname, replace(indexdef, current_schema || '.', ''), 0
FROM pg_indexes WHERE schemaname = current_schema
UNION ALL
SELECT 'constraint', conname, replace(pg_get_constraintdef(oid), current_schema || '.', ''), 0
FROM pg_constraint WHERE connamespace = current_schema::regnamespace
ORDER BY 1, 2, 3
""",
}


def test_a_copy_has_the_tables_of_a_store(url: str, engine: str, templates: Templates) -> None:
    migrated = f"{url}_migrated"
    ArtifactStore(migrated).close()
    templates.create_store(url)
    structure = STRUCTURE[engine]
    assert bare(url, structure) == bare(migrated, structure) != []
    names = "SELECT name FROM artifact_store_migration ORDER BY name"
    assert bare(url, names) == bare(migrated, names) != []
