-- name: insert_path_grant
INSERT INTO PathGrant (MessageId, Uri) VALUES (?, ?);

-- name: path_grant
SELECT Uri AS uri FROM PathGrant WHERE MessageId = :message_id;

-- name: delete_path_grant
DELETE FROM PathGrant WHERE MessageId = :message_id;

-- name: move_path_grant
UPDATE PathGrant SET MessageId = :new WHERE MessageId = :old;
