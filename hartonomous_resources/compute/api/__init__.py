"""Embedding by a server of others that speaks OpenAI's `/v1/embeddings`."""
