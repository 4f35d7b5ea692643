"""The database: SQLAlchemy Core tables, Alembic migrations, SQLite or PostgreSQL."""
