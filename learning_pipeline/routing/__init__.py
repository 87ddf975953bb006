"""Labels, features, embedding, candidate models, evaluation, registry and the router."""
