"""Methods that retrieve methane columns, and the choice between them."""
