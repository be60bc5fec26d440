"""Taking over the tables of the .NET system in the schema that the settings name."""

from functools import partial

from hartonomous_resources.database.database_errors import SchemaMismatch
from hartonomous_resources.database.sqlserver.adoption.old_schema import read_old_schema
from hartonomous_resources.database.sqlserver.adoption.plan import adopt, plan_adoption
from hartonomous_resources.database.sqlserver.migrator import open_migrator
from hartonomous_resources.settings import Settings


def adopt_schema(settings: Settings, *, dry_run: bool) -> list[str]:
    """Map the tables of the .NET system onto ours in one transaction; what follows is the migrations'.

    Returns what differed, a sentence each; a dry run changes nothing, and returns the statements that would run, too.

    Raises SchemaMismatch for what cannot be mapped, DatabaseUnavailable for a server that cannot hold our schema.
    """
    schema = settings.sqlserver_schema
    with open_migrator(settings) as migrator:
        migrator.prepare()
        features = migrator.features_of_new_schema()
        plan = plan_adoption(read_old_schema(migrator.rows, schema), schema, features)
        if dry_run:
            return [*plan.report(), *plan.statements]
        if plan.refusals:
            raise SchemaMismatch(f"schema {schema} cannot be adopted: {'; '.join(plan.refusals)}")
        migrator.replace_first_migration(partial(adopt, plan=plan))
        return plan.report()
