"""SQLite: a server's store in one SQLite file.

A store writes its tables to a snapshot, an SQLite file, and loads them from one. Backup, restore, upgrade and gc work
on snapshots, so another kind of store is a class like this one, and a line in `archive.opened`.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from modelmake.core import files
from modelmake.server import snapshot


class SQLite:
    """The store in the file `database`; `uri` is its address for MLflow."""

    def __init__(self, database: Path) -> None:
        """Keep the path, without opening the file."""
        self.database = database
        self.uri = f"sqlite:///{database}"

    def revision(self) -> str | None:
        """Return the revision of the tables, None where there are none; ValueError if they are not MLflow's."""
        return snapshot.revision(self.database) if self.database.exists() else None

    def prepare(self) -> None:
        """Turn on the write-ahead log, so that a server's clients wait less; the file keeps that setting."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    def snapshot(self, target: Path) -> None:
        """Write one consistent state to the file `target`, even while clients write."""
        with closing(sqlite3.connect(self.database)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)

    def load(self, source: Path) -> None:
        """Replace all tables by those of a snapshot, or change nothing.

        Raises
        ------
        ValueError
            A server uses the database.

        """
        with files.whole(self.database) as aside:
            SQLite(source).snapshot(aside)
            SQLite(aside).prepare()
            self._remove_logs()

    def _remove_logs(self) -> None:
        """Move the log that a killed server left into the database: it would be applied to the file that follows."""
        logs = [self.database.with_name(f"{self.database.name}-{suffix}") for suffix in ("journal", "wal", "shm")]
        if not any(log.exists() for log in logs):
            return
        try:
            with closing(sqlite3.connect(self.database, timeout=0)) as connection:
                connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise ValueError("the database is in use") from None
            for log in logs:  # the database is damaged, so it has nothing to lose
                log.unlink(missing_ok=True)
