"""What is wrong with a definition when it is read, and with an expression when its value is wanted."""


class DefinitionError(ValueError):
    """A definition that can't be read."""


class ExpressionError(ValueError):
    """An expression that has no value as things turned out."""
