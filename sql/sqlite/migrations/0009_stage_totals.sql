-- What each stage has done since the database was made: what a scrape of metrics reads. The runs that did it are processes of their own.
CREATE TABLE StageTotal (
  Stage   TEXT    PRIMARY KEY NOT NULL,
  Runs    INTEGER NOT NULL,
  Seconds REAL    NOT NULL,
  Done    INTEGER NOT NULL   -- by the count that tells its speed: sources, atoms, embeddings, …
) WITHOUT ROWID;
