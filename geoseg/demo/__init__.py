"""The demonstration: a simulated flood through the flood task, compared with its truth."""
