"""What is done with the database, graph and compute, whichever they are: leases, models, pending work, giving up, agreement."""
