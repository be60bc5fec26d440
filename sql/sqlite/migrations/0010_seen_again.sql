-- What is given up on again for the same reason is one dead letter with a count.

ALTER TABLE DeadLetter ADD COLUMN Fingerprint BLOB;      -- of file or message, and reason; NULL: one that is never met again
ALTER TABLE DeadLetter ADD COLUMN SeenCount INTEGER NOT NULL DEFAULT 1;
CREATE UNIQUE INDEX DeadLetter_Fingerprint ON DeadLetter (Fingerprint);
