"""The dialect: everything that speaks to a PostgreSQL server and knows no task."""
