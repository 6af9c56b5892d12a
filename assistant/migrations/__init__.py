"""Alembic migrations of the state database, configured in code.

``upgrade`` brings a database to the newest revision. A database that already holds data is
copied beside itself first, and each revision runs in one transaction, so a kill leaves the old
schema or the new one. The caller holds the state folder's lock.
"""

from pathlib import Path

from sqlalchemy import Engine, inspect

from assistant.errors import UsageError
from assistant.files import copy_database


def upgrade(engine: Engine, path: Path) -> None:
    """Create or migrate the database behind ``engine``.

    Raises:
        UsageError: the database was written by a newer version; nothing is changed.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        filled = bool(inspect(connection).get_table_names())
    script = ScriptDirectory.from_config(config)
    if current == script.get_current_head():
        return
    try:
        if current is not None:
            script.get_revision(current)
    except CommandError as error:
        raise UsageError(
            f"{path.name} was created by a newer version of Joyul", "update Joyul, or choose another --home"
        ) from error
    if filled:
        copy_database(path, path.with_suffix(f".before-{script.get_current_head()}.sqlite"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
