"""Tables of a lake: the types of their columns and where their rows lie."""
