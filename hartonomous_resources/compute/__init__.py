"""The compute resource: embedding and projection."""
