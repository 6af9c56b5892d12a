"""How files become JSON objects: one generator a container, each row with the line it starts on."""
