"""Deletes blobs that no row names, without taking one from under a message that is landing the same bytes."""

from hartonomous_resources.blobs import Blobs
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import transact


def delete_unreferenced_blob(database: Database, blobs: Blobs, key: str) -> bool:
    """Delete a blob unless a row names it; True if it was deleted.

    The lock is the one under which a message lands its bytes: its row is seen here, or it writes the blob anew.
    """

    def delete(unit_of_work: UnitOfWork) -> bool:
        unit_of_work.query("lock_blobs")
        if unit_of_work.query("blob_is_referenced", blob_key=key):
            return False
        blobs.delete(key)
        return True

    return transact(database, delete)
