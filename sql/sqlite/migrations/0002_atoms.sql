-- Fragments, their bytes, and where they stand in sources.

CREATE TABLE Atom (
  AtomId         INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId       INTEGER NOT NULL,
  Modality       TEXT    NOT NULL,
  Subtype        TEXT,
  ContentHash    BLOB    NOT NULL CHECK (typeof(ContentHash) = 'blob' AND length(ContentHash) = 32),
  CanonicalText  TEXT,                         -- of text, the only copy: its bytes are its UTF-8
  AtomicValue    BLOB    CHECK (AtomicValue IS NULL OR length(CAST(AtomicValue AS BLOB)) <= 64),
  ContentType    TEXT,
  ReferenceCount INTEGER NOT NULL DEFAULT 0,
  InsertedByHand INTEGER NOT NULL DEFAULT 1,   -- our own writes say 0; such an atom goes when no source holds it
  IngestHour     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d-%H:00', 'now')),
  CreatedAt      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE UNIQUE INDEX Atom_ContentHash ON Atom (TenantId, ContentHash);
CREATE INDEX Atom_Hour ON Atom (IngestHour);
CREATE INDEX Atom_Unreferenced ON Atom (AtomId) WHERE ReferenceCount = 0 AND InsertedByHand = 0;

-- Rows that somebody inserts by hand are refused where no run could work with them, in words that say what is wrong.
-- AtomId: SQLite gives the highest one plus 1, and none after 2^63 - 1; what JSON carries is exact below 2^53.
CREATE TRIGGER Atom_ByHand BEFORE INSERT ON Atom WHEN NEW.InsertedByHand IS NOT 0
BEGIN
  SELECT RAISE(ABORT, 'Atom.AtomId is a number below 9007199254740992; leave it out, and it is given')
  WHERE NEW.AtomId >= 9007199254740992;
  SELECT RAISE(ABORT, 'Atom.TenantId is a number from 0 to 2147483647')
  WHERE typeof(NEW.TenantId) <> 'integer' OR NEW.TenantId NOT BETWEEN 0 AND 2147483647;
  SELECT RAISE(ABORT, 'Atom.CanonicalText is text')
  WHERE typeof(NEW.CanonicalText) NOT IN ('text', 'null');
  SELECT RAISE(ABORT, 'Atom.IngestHour is an hour such as 2026-11-23-09:00; leave it out, and it is the running one')
  WHERE strftime('%Y-%m-%d-%H:00', substr(NEW.IngestHour, 1, 10) || ' ' || substr(NEW.IngestHour, 12), '+0 days') IS NOT NEW.IngestHour;
  SELECT RAISE(ABORT, 'Atom.CreatedAt is a time such as 2026-11-23T09:44:16.123Z; leave it out, and it is now')
  WHERE julianday(NEW.CreatedAt) IS NULL;
END;

CREATE TRIGGER Atom_HourByHand BEFORE UPDATE OF IngestHour ON Atom
BEGIN
  SELECT RAISE(ABORT, 'Atom.IngestHour is an hour such as 2026-11-23-09:00')
  WHERE strftime('%Y-%m-%d-%H:00', substr(NEW.IngestHour, 1, 10) || ' ' || substr(NEW.IngestHour, 12), '+0 days') IS NOT NEW.IngestHour;
END;

-- Bytes, above 64, that no text says; shorter ones are Atom.AtomicValue itself.
CREATE TABLE AtomContent (
  AtomId     INTEGER PRIMARY KEY REFERENCES Atom (AtomId) ON DELETE CASCADE,
  ByteLength INTEGER NOT NULL,
  Content    BLOB,
  BlobKey    TEXT,
  CHECK ((Content IS NULL) <> (BlobKey IS NULL))
);
CREATE INDEX AtomContent_Blob ON AtomContent (BlobKey) WHERE BlobKey IS NOT NULL;

CREATE TABLE SourceAtom (
  SourceId   INTEGER NOT NULL REFERENCES Source (SourceId),
  Role       TEXT    NOT NULL CHECK (Role IN ('content', 'derived')),
  Ordinal    INTEGER NOT NULL,
  AtomId     INTEGER NOT NULL REFERENCES Atom (AtomId),
  ByteOffset INTEGER,
  ByteLength INTEGER,
  Suffix     BLOB    CHECK (Suffix IS NULL OR length(Suffix) <= 64),
  Locator    TEXT    CHECK (Locator IS NULL OR json_valid(Locator)),
  PRIMARY KEY (SourceId, Role, Ordinal)
) WITHOUT ROWID;
CREATE INDEX SourceAtom_Atom ON SourceAtom (AtomId, SourceId);

-- Which atoms of a source a derived one was made from. Our own writes remove the rows of a source before its atoms can go.
CREATE TABLE AtomDerivation (
  SourceId      INTEGER NOT NULL REFERENCES Source (SourceId) ON DELETE CASCADE,
  DerivedAtomId INTEGER NOT NULL REFERENCES Atom (AtomId),
  FromAtomId    INTEGER NOT NULL REFERENCES Atom (AtomId),
  PRIMARY KEY (SourceId, DerivedAtomId, FromAtomId)
) WITHOUT ROWID;
CREATE INDEX AtomDerivation_Derived ON AtomDerivation (DerivedAtomId);
CREATE INDEX AtomDerivation_From ON AtomDerivation (FromAtomId);
