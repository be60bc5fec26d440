-- Each run that wrote atoms of a source: Source knew but the last one that took it on, and a source that was resumed lost its first.

CREATE TABLE SourceRun (
  SourceId INTEGER NOT NULL REFERENCES Source (SourceId) ON DELETE CASCADE,
  RunId    TEXT    NOT NULL,
  PRIMARY KEY (SourceId, RunId)
) WITHOUT ROWID;
INSERT INTO SourceRun (SourceId, RunId) SELECT SourceId, RunId FROM Source WHERE RunId IS NOT NULL;
ALTER TABLE Source DROP COLUMN RunId;

-- The source that this one was found in, such as the archive of a file.
ALTER TABLE Source ADD COLUMN ParentSourceId INTEGER REFERENCES Source (SourceId);
CREATE INDEX Source_Parent ON Source (ParentSourceId) WHERE ParentSourceId IS NOT NULL;

-- Which atoms of a source a derived one was made from. Our own writes remove the rows of a source before its atoms can go.
CREATE TABLE AtomDerivation (
  SourceId      INTEGER NOT NULL REFERENCES Source (SourceId) ON DELETE CASCADE,
  DerivedAtomId INTEGER NOT NULL REFERENCES Atom (AtomId),
  FromAtomId    INTEGER NOT NULL REFERENCES Atom (AtomId),
  PRIMARY KEY (SourceId, DerivedAtomId, FromAtomId)
) WITHOUT ROWID;
CREATE INDEX AtomDerivation_Derived ON AtomDerivation (DerivedAtomId);
CREATE INDEX AtomDerivation_From ON AtomDerivation (FromAtomId);
