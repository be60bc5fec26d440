-- Who works on a queue whose messages lead out of the database; a row only while somebody does.

CREATE TABLE QueueLease (
  Queue      TEXT NOT NULL PRIMARY KEY,
  LeaseOwner TEXT NOT NULL,
  LeaseUntil TEXT NOT NULL
) WITHOUT ROWID;
