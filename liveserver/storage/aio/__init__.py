"""The shell of the database: every blocking call runs in a thread."""
