"""What the model is taught, one file a skill; every skill is a function of a library and a random source."""
