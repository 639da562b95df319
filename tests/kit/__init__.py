"""What tests build their worlds of: one kit for each service and one for the engine, and the words that all share."""
