"""Extractors: each module reads what people read in one kind of document, and nothing else imports it before such a document comes."""
