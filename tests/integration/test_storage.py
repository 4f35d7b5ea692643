"""The database, for real: SQLite in a file, and PostgreSQL where one is at hand."""

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from liveserver.errors import StorageUnavailable
from liveserver.rooms.room import RoomRecord, State
from liveserver.secret import Secret
from liveserver.storage.aio.store import Store
from liveserver.storage.database import Database
from liveserver.storage.tables import metadata

POSTGRES = os.environ.get("LIVESERVER_TEST_POSTGRES", "")
DEMO = RoomRecord(
    room="demo",
    title="演示 👗",
    state=State.LIVE,
    host_name="Ada",
    created_at=1_800_000_000.123456,
    scheduled_at=None,
    started_at=1_800_000_001.5,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'folder' / 'live.db'}"
        return
    if not POSTGRES:
        pytest.skip("LIVESERVER_TEST_POSTGRES is not set")
    name = f"storage_{os.getpid()}"
    driver = sa.make_url(POSTGRES).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(driver, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield sa.make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))
    engine.dispose()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A migrated database."""
    opened = Database(Secret(url))
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """The same, from the loop."""
    opened = Store(Secret(url))
    await opened.open()
    yield opened
    await opened.close()


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def test_migrations_make_the_tables_that_the_queries_expect(database: Database, url: str) -> None:
    engine = engine_of(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(database: Database) -> None:
    database.save_rooms([DEMO])
    database.migrate()
    assert database.load_rooms() == [DEMO]


def test_rooms_come_back_as_they_were_saved(database: Database) -> None:
    other = RoomRecord("other", "Other", State.SCHEDULED, None, created_at=5.0, scheduled_at=9.0)
    database.save_rooms([DEMO, other])
    assert sorted(database.load_rooms(), key=lambda record: record.room) == [DEMO, other]


def test_saving_again_overwrites(database: Database) -> None:
    database.save_rooms([DEMO])
    changed = RoomRecord("demo", "New", State.ENDED, None, created_at=DEMO.created_at, ended_at=7.0)
    database.save_rooms([changed])
    assert database.load_rooms() == [changed]


def test_revoked_tokens_are_kept_until_they_expire(database: Database) -> None:
    database.revoke("a", now=10.0, expires_at=20.0)
    database.revoke("a", now=11.0, expires_at=30.0)
    database.revoke("b", now=12.0, expires_at=20.0)
    assert database.load_revoked() == {"a", "b"}
    database.revoke("c", now=25.0, expires_at=40.0)
    assert database.load_revoked() == {"a", "c"}


async def test_store_answers_from_the_loop(store: Store) -> None:
    await store.ping()
    await store.save_rooms([DEMO])
    assert await store.load_rooms() == [DEMO]
    await store.revoke("a", now=1.0, expires_at=2.0)
    assert await store.load_revoked() == {"a"}


def test_sqlite_is_durable_and_lets_readers_in(tmp_path: Path) -> None:
    database = Database(Secret(f"sqlite:///{tmp_path / 'live.db'}"))
    database.migrate()
    with sqlite3.connect(tmp_path / "live.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    database.close()


async def test_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(Secret(f"sqlite:///{tmp_path / 'file' / 'live.db'}"))
    with pytest.raises(StorageUnavailable):
        await store.open()
    await store.close()


async def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "live.db").write_text("no database" * 100)
    store = Store(Secret(f"sqlite:///{tmp_path / 'live.db'}"))
    with pytest.raises(StorageUnavailable):
        await store.open()
    await store.close()


async def test_closed_store_is_unavailable(store: Store) -> None:
    await store.close()
    with pytest.raises(StorageUnavailable):
        await store.ping()
