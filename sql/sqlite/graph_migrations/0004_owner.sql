-- The database whose graph this is, by the time at which that was made.

CREATE TABLE GraphOwner (
  OnlyOne INTEGER PRIMARY KEY CHECK (OnlyOne = 1),
  Owner   TEXT    NOT NULL
);
