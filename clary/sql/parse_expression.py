"""Expressions: text to tree, by Trino's grammar and precedence."""

from __future__ import annotations

from clary.sql import tree
from clary.sql.errors import Place, SqlError
from clary.sql.parse_special import SpecialForms

# The sign belongs to these: without it they don't fit the type that they have with it.
_LOWEST = (2**31, 2**63)
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")


class ExpressionParser(SpecialForms):
    """From OR down to names and constants; what has an own grammar (CAST, TRIM, OVER) is in parse_special.py."""

    def read_expressions(self) -> list[tree.Expression]:
        """One or more, with commas between."""
        found = [self.read_expression()]
        while self.take_sign(","):
            found.append(self.read_expression())
        return found

    def read_expression(self, *, star: bool = False) -> tree.Expression:
        """Any expression. With `star` one that ends in `.` before `*` is read up to it."""
        outer, self.stars = self.stars, star
        left = self._read_and()
        while self.token.upper == "OR":
            place = self.advance().place
            left = tree.Binary(place, "OR", left, self._read_and())
        self.stars = outer
        return left

    def _read_and(self) -> tree.Expression:
        left = self._read_not()
        while self.token.upper == "AND":
            place = self.advance().place
            left = tree.Binary(place, "AND", left, self._read_not())
        return left

    def _read_not(self) -> tree.Expression:
        if self.token.upper == "NOT":
            place = self.advance().place
            return tree.Unary(place, "NOT", self._read_not())
        left = self.read_value()
        while True:
            found = self._read_predicate(left)
            if found is None:
                return left
            left = found

    def _read_predicate(self, left: tree.Expression) -> tree.Expression | None:
        place = self.token.place
        if self.token.upper in _COMPARISONS:
            operator = self.advance().upper.replace("!=", "<>")
            if self.token.upper in ("ALL", "ANY", "SOME") and self.peek().upper == "(":
                return self._read_quantified(place, operator, left)
            return tree.Binary(place, operator, left, self.read_value())
        if self.token.upper == "IS":
            return self._read_is(left)
        negated = self.token.upper == "NOT" and self.peek().upper in ("BETWEEN", "IN", "LIKE")
        if negated:
            self.advance()
        found: tree.Expression
        if self.take_word("BETWEEN"):
            low = self.read_value()
            self.expect_word("AND")
            found = tree.Between(place, left, low, self.read_value())
        elif self.take_word("IN"):
            found = self._read_in(place, left)
        elif self.take_word("LIKE"):
            pattern = self.read_value()
            found = tree.Like(place, left, pattern, self.read_value() if self.take_word("ESCAPE") else None)
        else:
            return None
        return tree.Unary(place, "NOT", found) if negated else found

    def _read_is(self, left: tree.Expression) -> tree.Expression:
        place = self.advance().place
        negated = self.take_word("NOT")
        if self.take_word("NULL"):
            found: tree.Expression = tree.IsNull(place, left)
        elif self.take_word("DISTINCT"):
            self.expect_word("FROM")
            found = tree.Binary(place, "IS DISTINCT FROM", left, self.read_value())
        else:
            raise self.mismatch("'DISTINCT', 'NULL'" if negated else "'DISTINCT', 'NOT', 'NULL'")
        return tree.Unary(place, "NOT", found) if negated else found

    def _read_quantified(self, place: Place, operator: str, left: tree.Expression) -> tree.Expression:
        quantifier = self.advance().upper.replace("SOME", "ANY")
        self.expect_sign("(")
        query = self.read_query()
        self.expect_sign(")")
        return tree.Quantified(place, operator, quantifier, left, query)

    def _read_in(self, place: Place, left: tree.Expression) -> tree.Expression:
        self.expect_sign("(")
        if self.at_query():
            query = self.read_query()
            self.expect_sign(")")
            return tree.InQuery(place, left, query)
        options = self.read_expressions()
        self.expect_sign(")")
        return tree.InList(place, left, options)

    # --- values ---

    def read_value(self) -> tree.Expression:
        """What stands beside a comparison: || binds loosest, then + -, then * / %."""
        left = self._read_sum()
        while self.token.upper == "||":
            place = self.advance().place
            left = tree.Call(place, "concat", [left, self._read_sum()], operator=True)
        return left

    def _read_sum(self) -> tree.Expression:
        left = self._read_product()
        while self.token.upper in ("+", "-"):
            token = self.advance()
            left = tree.Binary(token.place, token.upper, left, self._read_product())
        return left

    def _read_product(self) -> tree.Expression:
        left = self._read_sign()
        while self.token.upper in ("*", "/", "%") and not self._at_star():
            token = self.advance()
            left = tree.Binary(token.place, token.upper, left, self._read_sign())
        return left

    def _at_star(self) -> bool:
        return self.stars and self.token.upper == "*" and self.previous.upper == "."

    def _read_sign(self) -> tree.Expression:
        token = self.token
        if self.take_sign("-"):
            if self.token.kind == "integer" and int(self.token.raw) in _LOWEST:
                self.advance()
                return tree.Literal(token.place, "integer", f"-{self.previous.raw}")
            return tree.Unary(token.place, "-", self._read_sign())
        if self.take_sign("+"):
            return tree.Unary(token.place, "+", self._read_sign())
        value = self._read_primary()
        while self.token.upper == "AT" and self.peek().upper == "TIME":
            place = self.advance().place
            self.advance()
            self.expect_word("ZONE")
            value = tree.AtZone(place, value, self._read_primary())
        return value

    def _read_primary(self) -> tree.Expression:
        value = self._read_base()
        while True:
            if self.token.upper == "." and self.stars and self.peek().upper == "*":
                self.advance()
                return value
            if self.take_sign("."):
                name = self.read_identifier()
                if isinstance(value, tree.Name):
                    value.parts.append(name)
                else:
                    value = tree.Field(value.place, value, name)
            elif self.token.upper == "[":
                self.advance()
                index = self.read_expression()
                self.expect_sign("]")
                value = tree.Subscript(value.place, value, index)
            else:
                return value

    def _read_base(self) -> tree.Expression:
        token = self.token
        if token.kind in ("integer", "decimal", "double", "string", "binary"):
            self.advance()
            return tree.Literal(token.place, token.kind, token.text)
        if token.upper == "?":
            self.advance()
            return self.make_parameter(token.place)
        if token.upper == "(":
            return self._read_brackets()
        special = self.read_special()
        if special is not None:
            return special
        if self.is_identifier():
            return self._read_named()
        raise self.mismatch("<expression>")

    def _read_brackets(self) -> tree.Expression:
        place = self.token.place
        names = self._lambda_names()
        if names is not None:
            return tree.Lambda(place, names, self.read_expression())
        self.expect_sign("(")
        if self.at_query():
            query = self.read_query()
            self.expect_sign(")")
            return tree.Scalar(place, query)
        items = self.read_expressions()
        self.expect_sign(")")
        if len(items) == 1:
            return items[0]
        return tree.Row(place, items)

    def _lambda_names(self) -> list[str] | None:
        """The names of (a, b) -> if such a lambda stands here; then the arrow is read, too."""
        ahead, names = 1, []
        while self.peek(ahead).kind in ("word", "quoted"):
            names.append(self.peek(ahead).text.lower())
            ahead += 1
            if self.peek(ahead).upper != ",":
                break
            ahead += 1
        if self.peek(ahead).upper != ")" or self.peek(ahead + 1).upper != "->":
            return None
        for _ in range(ahead + 2):
            self.advance()
        return names

    def _read_named(self) -> tree.Expression:
        token = self.token
        if self.peek().upper == "->":
            name = self.read_identifier()
            self.advance()
            return tree.Lambda(token.place, [name], self.read_expression())
        if self.peek().upper == "(":
            name = self.read_identifier()
            return self.read_call(token.place, name)
        if token.kind == "word" and self.peek().kind == "string":
            return self._read_typed_literal()
        return tree.Name(token.place, [self.read_identifier()])

    def _read_typed_literal(self) -> tree.Expression:
        place, word = self.token.place, self.token.upper
        kinds = "DATE TIMESTAMP TIME DECIMAL JSON REAL DOUBLE BIGINT INTEGER SMALLINT TINYINT CHAR VARCHAR BOOLEAN UUID"
        if word not in kinds.split():
            raise SqlError("TYPE_NOT_FOUND", f"Unknown type: {self.token.text}", place)
        kind = self.read_type()
        return tree.TypedLiteral(place, kind, self.advance().text)

    def make_parameter(self, place: Place) -> tree.Expression:
        """The next question mark."""
        self.parameters += 1
        return tree.Parameter(place, self.parameters - 1)
