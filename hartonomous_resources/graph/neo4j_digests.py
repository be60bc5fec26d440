"""Which statement digests what of the graph: nodes and edges of an hour, and what belongs to a tenant without one."""

from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, WITHOUT_HOUR
from hartonomous_resources.graph.neo4j_statements import statement


def digest_statements(*, of_hour: bool) -> dict[str, str]:
    """Return, by the names of views, the statements that digest what the graph holds of an hour, or what has none.

    An atom's edge to its source is of the source's hour, any other edge of its start's.
    """
    if not of_hour:
        return {NODE_VIEWS[label]: statement("node_digest", label=label) for label in WITHOUT_HOUR}
    digests = {
        name: statement("node_digest_of_hour", label=label)
        for label, name in NODE_VIEWS.items()
        if label not in WITHOUT_HOUR
    }
    for view in EDGE_VIEWS:
        name = "edge_digest_by_end" if view.type == "INGESTED_FROM" else "edge_digest_by_start"
        digests[view.name] = statement(name, start=view.start, type=view.type, end=view.end)
    return digests
