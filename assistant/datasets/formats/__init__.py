"""How the rows of other tools become rows of the own form and back: one file a format."""
