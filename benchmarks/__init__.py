"""``make bench``: this engine beside native replication, pg_dump and pgcopydb, on one machine."""
