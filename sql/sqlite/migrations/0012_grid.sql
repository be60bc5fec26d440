-- How long a partition of this database is, chosen when it was made. IngestHour is the key of an hour or of a day; that of a day is the key
-- of its first hour, 2026-11-23-00:00, so that all keys have one form.
CREATE TABLE Grid (
  GridId INTEGER PRIMARY KEY CHECK (GridId = 1),
  Period TEXT    NOT NULL CHECK (Period IN ('hour', 'day'))
);
INSERT INTO Grid (GridId, Period) VALUES (1, 'hour');

-- A default cannot look at a table: rows by hand that leave the hour out get the running one, which these make the running day.
CREATE TRIGGER Atom_Day AFTER INSERT ON Atom
WHEN NEW.InsertedByHand <> 0 AND NEW.IngestHour = strftime('%Y-%m-%d-%H:00', 'now') AND (SELECT Period FROM Grid) = 'day'
BEGIN
  UPDATE Atom SET IngestHour = substr(IngestHour, 1, 11) || '00:00' WHERE AtomId = NEW.AtomId;
  UPDATE StoredJob SET IngestHour = substr(IngestHour, 1, 11) || '00:00' WHERE AtomId = NEW.AtomId;
END;

CREATE TRIGGER StoredJob_Day AFTER INSERT ON StoredJob
WHEN NEW.OwnJobId IS NOT NULL AND NEW.IngestHour = strftime('%Y-%m-%d-%H:00', 'now') AND (SELECT Period FROM Grid) = 'day'
BEGIN
  UPDATE StoredJob SET IngestHour = substr(IngestHour, 1, 11) || '00:00' WHERE JobNumber = NEW.JobNumber;
END;

CREATE TRIGGER Inference_Day AFTER INSERT ON Inference
WHEN NEW.IngestHour = strftime('%Y-%m-%d-%H:00', 'now') AND (SELECT Period FROM Grid) = 'day'
BEGIN
  UPDATE Inference SET IngestHour = substr(IngestHour, 1, 11) || '00:00' WHERE InferenceNumber = NEW.InferenceNumber;
END;
