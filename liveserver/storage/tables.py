"""The tables, as the newest migration leaves them (a test compares both).

Times are seconds since the epoch as doubles: exact to a microsecond, and alike in both databases.
"""

from sqlalchemy import Column, Double, MetaData, String, Table

# Named, so that later migrations can drop constraints on PostgreSQL and SQLite alike.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

rooms = Table(
    "rooms",
    metadata,
    Column("room", String(64), primary_key=True),
    Column("title", String(120), nullable=False),
    Column("state", String(16), nullable=False),
    Column("host_name", String(60)),
    Column("created_at", Double, nullable=False),
    Column("scheduled_at", Double),
    Column("started_at", Double),
    Column("ended_at", Double),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", String(255), primary_key=True),
    Column("revoked_at", Double, nullable=False),
    # Rows of tokens that have expired by themselves are deleted.
    Column("expires_at", Double, nullable=False, index=True),
)
