"""Every place that holds content, or what was said of it, and how it is removed there today.

A way is `statement NAME` (of both databases), `trigger NAME` (fires by itself), `with TABLE` (a foreign key
deletes it with that table's row), `call MODULE:NAME`, or `sql TEXT` for what only SQLite's file needs. Where there is none, `lacks` says so.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holder:
    """A place that holds content. `name` is a table or another store; `ways` are the steps that remove a row, in order."""

    name: str
    holds: str
    ways: tuple[str, ...] = ()
    lacks: str | None = None


_BLOB = "call hartonomous_resources.work.landed_blobs:delete_unreferenced_blob"

HOLDERS = (
    Holder("AtomDerivation", "which atom was made from which", ("statement delete_source_derivations",)),
    Holder("SourceAtom", "Suffix, Locator", ("statement remove_references", "statement delete_source_atoms")),
    Holder(
        "Atom",
        "CanonicalText, AtomicValue, ContentHash",
        ("statement delete_unreferenced_atoms",),
        "one inserted by hand stays, for whoever inserted it to delete",
    ),
    Holder("AtomContent", "Content; BlobKey is its hash", ("with Atom",)),
    Holder(
        "AtomText",
        "the words of CanonicalText",
        (
            "trigger Atom_TextDeleted",
            "call hartonomous_resources.database.sqlite_words:index_texts",
            "sql INSERT INTO AtomText (AtomText) VALUES ('optimize')",
        ),
    ),
    Holder(
        "TextToIndex",
        "texts that went, until the end of the transaction, or the next one of the program",
        ("call hartonomous_resources.database.sqlite_words:index_texts",),
    ),
    Holder(
        "UnreadWords",
        "the words of batches of rows that are read later",
        (
            "call hartonomous_resources.work.rows_read_later:forget_unread_of",
            "sql INSERT INTO UnreadWords (UnreadWords) VALUES ('optimize')",
        ),
    ),
    Holder("AtomEmbedding", "the vector and the position that follow from the text", ("with Atom",)),
    Holder("FormerPosition", "the position before, while another projection places all anew", ("with AtomEmbedding",)),
    Holder(
        "ProjectionArtifact",
        "of a projection that was fitted to vectors of all tenants: the vectors, rounded, without their atoms",
        lacks="it goes with its ProjectionModel; nothing takes a single vector out of it",
    ),
    Holder("AtomEmbeddingVector384", "a copy of the vector, on SQL Server 2025", ("with AtomEmbedding",)),
    Holder("BackgroundJob", "Parameters, Result", ("with Atom",), "a job of no atom stays until it is done and pruned"),
    Holder(
        "StoredJob",
        "the same in SQLite, where BackgroundJob is a view: jobs that are not done",
        ("with Atom",),
        "the same",
    ),
    Holder(
        "DoneJob",
        "the same in SQLite: jobs that are done",
        ("with Atom", "statement prune_jobs"),
        "what was skipped stays",
    ),
    Holder(
        "Source",
        "SourceUri, ReadUri, Metadata, ErrorMessage",
        ("statement delete_source",),
        "one to which another version, or one found in it, points stays",
    ),
    Holder("SourceRun", "which run wrote of it", ("with Source",)),
    Holder("PathGrant", "Uri", ("statement delete_path_grant",)),
    Holder("QueueMessage", "Body, OrderingKey, LastError", ("statement delete_messages",)),
    Holder("DeadLetter", "Body, OrderingKey, Reason", ("statement delete_dead_letter", "statement forget_landed_copy")),
    Holder(
        "HttpRequest", "Answer: a source as it was told of", ("statement prune_http_requests",), "it stays for a day"
    ),
    Holder("Inference", "Task, Metadata, Model", lacks="nothing deletes an inference"),
    Holder("InferenceAtom", "hashes of atoms", lacks="nothing deletes an inference"),
    Holder("GraphName", "ids of runs; what inferences call a model", lacks="its numbers stay, as inferences do"),
    Holder("blobs", "landed copies, and atoms above 64 KiB", (_BLOB,)),
    Holder(
        "incoming blobs",
        "what a killed sender had sent",
        ("call hartonomous_resources.blobs:LocalBlobs.delete_partial",),
    ),
    Holder(
        "unfinished uploads",
        "what came of them",
        (
            "call hartonomous_resources.partial_uploads:PartialUploads.remove",
            "call hartonomous_resources.blobs:LocalBlobs.delete_partial",
        ),
    ),
    Holder(
        "files of SQLite",
        "pages that were freed, the write-ahead log",
        ("sql VACUUM", "sql PRAGMA wal_checkpoint(TRUNCATE)"),
    ),
    Holder(
        "search matrix",
        "vectors, a byte a component; rows that AtomEmbedding lacks are passed over until a merge drops them",
        ("call hartonomous_resources.vectors.merging:Merging.run",),
    ),
    Holder(
        "queues of Service Broker",
        "messages until a receive moves them to QueueMessage, a moment later",
        lacks="they are not reached there",
    ),
)

NO_HOLDERS = {
    "Modality": ("Name", "which kinds of content there are"),
    "EmbeddingModel": (
        "Modality Name ArtifactHash ArtifactName Precision Settings LoadedFrom AnswersSince DroppedAt CreatedAt",
        "says what a model is, and where its files or its server are",
    ),
    "ProjectionModel": (
        "Method Parameters ArtifactHash ArtifactName CreatedAt",
        "frozen numbers; what was fitted to vectors is in ProjectionArtifact",
    ),
    "ApiKey": (
        "KeyId SecretHash Scopes Name CreatedAt ExpiresAt RevokedAt LastUsedAt",
        "says whom the HTTP server answers, by a hash of the key",
    ),
    "Erasure": ("Salt SaltedHash ErasedAt", "a receipt: a salted hash, counts and a time"),
    "KnownTenant": ("", "numbers of tenants"),
    "UnreadBatch": ("", "which batches of rows are read later, in numbers"),
    "QueueLease": ("Queue LeaseOwner LeaseUntil", "which process works on a queue"),
    "StageTotal": ("Stage", "what stages have done, in numbers"),
    "Grid": ("Period", "whether partitions are hours or days"),
    "SchemaVersion": ("Name Sha256 AppliedAt Feature", "the journal of migrations"),
    "DialogPool": (
        "Queue Handle OpenedAt ChangeToken",
        "dialogs of Service Broker, by hash of the ordering key modulo eight",
    ),
    "LandmarkComponent": ("", "numbers of the landmark axes"),
    "LandmarkDimension": ("", "numbers of the landmark axes"),
}
"""Tables that hold no content: their columns of text, bytes or time, and why. A further column is to be decided on."""
