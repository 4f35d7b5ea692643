"""The database behind blocking calls; `storage.aio.store` runs them in a thread."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects import postgresql, sqlite

from liveserver.rooms.room import RoomRecord
from liveserver.secret import Secret
from liveserver.storage.tables import revoked_tokens, rooms

MIGRATIONS = Path(__file__).parent / "migrations"
# Any constant: two processes starting on one PostgreSQL database migrate one after the other.
_MIGRATION_LOCK = 0x6C697665


class Database:
    """Queries of the server on one SQLAlchemy engine. Raises `sqlalchemy.exc.SQLAlchemyError`."""

    def __init__(self, url: Secret) -> None:
        self._engine = _make_engine(url.reveal())

    def migrate(self) -> None:
        """Bring the tables to the newest version."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def ping(self) -> None:
        """Ask the database for a sign of life."""
        with self._engine.connect() as connection:
            connection.execute(sa.select(1))

    def load_rooms(self) -> list[RoomRecord]:
        """Return every room."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(rooms)).mappings()
            # SQLAlchemy's keys are a subclass of str, which msgspec does not take for one.
            return [
                msgspec.convert({str(key): value for key, value in row.items()}, RoomRecord)
                for row in rows
            ]

    def save_rooms(self, records: Iterable[RoomRecord]) -> None:
        """Insert or overwrite the rooms, in one transaction."""
        rows = [msgspec.to_builtins(record) for record in records]
        if not rows:
            return
        with self._engine.begin() as connection:
            for row in rows:
                connection.execute(self._upsert(rooms, row))

    def revoke(self, jti: str, *, now: float, expires_at: float) -> None:
        """Enter a token into the table of revoked ones, and forget those long expired."""
        row = {"jti": jti, "revoked_at": now, "expires_at": expires_at}
        with self._engine.begin() as connection:
            connection.execute(sa.delete(revoked_tokens).where(revoked_tokens.c.expires_at < now))
            connection.execute(self._upsert(revoked_tokens, row))

    def load_revoked(self) -> frozenset[str]:
        """Return the ids of all revoked tokens."""
        with self._engine.connect() as connection:
            return frozenset(connection.execute(sa.select(revoked_tokens.c.jti)).scalars())

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _upsert(self, table: sa.Table, row: Mapping[str, Any]) -> sa.Insert:
        insert = postgresql.insert if self._engine.name == "postgresql" else sqlite.insert
        keys = list(table.primary_key.columns.keys())
        others = {name: value for name, value in row.items() if name not in keys}
        return insert(table).values(row).on_conflict_do_update(index_elements=keys, set_=others)


def _make_engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.drivername == "postgresql":
        # psycopg 3; SQLAlchemy's own default is the older psycopg2.
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, pool_size=2, max_overflow=2)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # WAL's usual NORMAL may lose the last commits when the power goes.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
