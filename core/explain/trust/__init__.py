"""When not to believe a map: against the truth, against the model, against random weights."""
