-- What the graph was built from and compared with before it was views.
DROP PROCEDURE dbo.usp_graph_atoms, dbo.usp_graph_occurrences, dbo.usp_graph_sources, dbo.usp_graph_superseded, dbo.usp_graph_embeddings,
    dbo.usp_graph_models, dbo.usp_hour_digests, dbo.usp_atomized_sources_of_hour, dbo.usp_loose_atoms_of_hour, dbo.usp_inferences_between,
    dbo.usp_known_atoms, dbo.usp_known_sources, dbo.usp_known_inferences, dbo.usp_inferences_of_atoms, dbo.usp_atoms_of_inferences;
GO
