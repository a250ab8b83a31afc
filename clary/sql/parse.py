"""A query's text to its tree, by Trino's grammar: what the grammar hasn't is a syntax error with its place.

The grammar is Trino's published one for queries (SqlBase.g4); expressions are in parse_expression.py.
"""

from __future__ import annotations

from clary.sql import tree
from clary.sql.errors import START, Place, refusal
from clary.sql.parse_expression import ExpressionParser

_JOINS = ("INNER", "LEFT", "RIGHT", "FULL")


def parse_query(text: str, start: Place = START) -> tree.Query:
    """The tree of a query; its first character stands at `start` of the user's text."""
    parser = QueryParser(text, start)
    query = parser.read_query()
    parser.take_sign(";")
    if parser.token.kind != "end":
        raise parser.mismatch("<EOF>")
    return query


class QueryParser(ExpressionParser):
    """Reads queries and relations."""

    def read_query(self) -> tree.Query:
        """[WITH ...] body [ORDER BY] [OFFSET] [LIMIT | FETCH]."""
        place = self.token.place
        withs, recursive = [], False
        if self.take_word("WITH"):
            recursive = self.take_word("RECURSIVE")
            withs.append(self._read_with())
            while self.take_sign(","):
                withs.append(self._read_with())
        query = tree.Query(place, self._read_body(), withs, recursive)
        query.order = self.read_order()
        if self.take_word("OFFSET"):
            query.offset = self._read_count()
            self.take_word("ROW", "ROWS")
        if self.take_word("LIMIT"):
            query.limit = None if self.take_word("ALL") else self._read_count()
        elif self.take_word("FETCH"):
            self._read_fetch(query)
        return query

    def _read_fetch(self, query: tree.Query) -> None:
        if not self.take_word("FIRST", "NEXT"):
            raise self.mismatch("'FIRST', 'NEXT'")
        place = self.token.place
        has_count = self.token.kind == "integer" or self.token.upper == "?"
        query.limit = self._read_count() if has_count else tree.Literal(place, "integer", "1")
        if not self.take_word("ROW", "ROWS"):
            raise self.mismatch("'ROW', 'ROWS'")
        if self.take_word("WITH"):
            self.expect_word("TIES")
            query.ties = True
        else:
            self.expect_word("ONLY")

    def _read_count(self) -> tree.Expression:
        token = self.token
        if token.kind == "integer":
            self.advance()
            return tree.Literal(token.place, "integer", token.text)
        if self.take_sign("?"):
            return self.make_parameter(token.place)
        raise self.mismatch("'?', <integer>")

    def _read_with(self) -> tree.With:
        place = self.token.place
        name = self.read_identifier()
        columns = self._read_columns()
        self.expect_word("AS")
        self.expect_sign("(")
        query = self.read_query()
        self.expect_sign(")")
        return tree.With(place, name, columns, query)

    def _read_columns(self) -> list[str]:
        columns = []
        if self.take_sign("("):
            columns.append(self.read_identifier())
            while self.take_sign(","):
                columns.append(self.read_identifier())
            self.expect_sign(")")
        return columns

    def _read_body(self) -> tree.Body:
        left = self._read_intersection()
        while self.token.upper in ("UNION", "EXCEPT"):
            place, operator = self.token.place, self.advance().upper
            distinct = not self.take_word("ALL")
            if distinct:
                self.take_word("DISTINCT")
            left = tree.SetOperation(place, operator, distinct, left, self._read_intersection())
        return left

    def _read_intersection(self) -> tree.Body:
        left = self._read_primary_body()
        while self.token.upper == "INTERSECT":
            place = self.advance().place
            distinct = not self.take_word("ALL")
            if distinct:
                self.take_word("DISTINCT")
            left = tree.SetOperation(place, "INTERSECT", distinct, left, self._read_primary_body())
        return left

    def _read_primary_body(self) -> tree.Body:
        place = self.token.place
        if self.take_word("SELECT"):
            return self._read_select(place)
        if self.take_word("VALUES"):
            return self._read_values(place)
        if self.take_word("TABLE"):
            return tree.TableBody(place, tree.Table(self.token.place, self._read_qualified()))
        if self.take_sign("("):
            query = self.read_query()
            self.expect_sign(")")
            return tree.Nested(place, query)
        raise self.mismatch("'(', 'SELECT', 'TABLE', 'VALUES'")

    def _read_values(self, place: Place) -> tree.Values:
        rows = [self.read_expression()]
        while self.take_sign(","):
            rows.append(self.read_expression())
        return tree.Values(place, rows)

    def _read_select(self, place: Place) -> tree.Select:
        distinct = self.take_word("DISTINCT")
        if not distinct:
            self.take_word("ALL")
        items = [self._read_item()]
        while self.take_sign(","):
            items.append(self._read_item())
        select = tree.Select(place, items, distinct)
        if self.take_word("FROM"):
            select.relation = self._read_relation()
            while self.token.upper == ",":
                comma = self.advance().place
                select.relation = tree.Join(comma, "CROSS", select.relation, self._read_relation())
        if self.take_word("WHERE"):
            select.where = self.read_expression()
        if self.take_word("GROUP"):
            self._read_groups(select)
        if self.take_word("HAVING"):
            select.having = self.read_expression()
        if self.token.upper == "WINDOW" and self.peek().kind in ("word", "quoted"):
            self.advance()
            self._read_windows(select)
        return select

    def _read_windows(self, select: tree.Select) -> None:
        while True:
            name = self.read_identifier()
            self.expect_word("AS")
            self.expect_sign("(")
            select.windows[name] = self.read_window()
            if not self.take_sign(","):
                return

    def _read_item(self) -> tree.Item:
        place = self.token.place
        if self.take_sign("*"):
            return tree.Item(place, None)
        expression = self.read_expression(star=True)
        if self.take_sign("*"):
            if self.take_word("AS"):
                raise refusal("Naming the columns of .*", place)
            return tree.Item(place, None, of=expression)
        return tree.Item(place, expression, self._read_alias())

    def _read_alias(self) -> str:
        if self.take_word("AS"):
            return self.read_identifier()
        return self.read_identifier() if self.is_identifier() and not self._at_clause() else ""

    def _read_groups(self, select: tree.Select) -> None:
        self.expect_word("BY")
        select.grouped = True
        if self.take_word("DISTINCT"):
            raise refusal("GROUP BY DISTINCT", self.token.place)
        self.take_word("ALL")
        select.groups.append(self._read_group())
        while self.take_sign(","):
            select.groups.append(self._read_group())

    def _read_group(self) -> tree.Grouping:
        if self.token.upper in ("ROLLUP", "CUBE"):
            kind = self.advance().upper
            self.expect_sign("(")
            columns = [] if self.token.upper == ")" else self.read_expressions()
            self.expect_sign(")")
            return tree.Grouping(kind, [one.items if isinstance(one, tree.Row) else [one] for one in columns])
        if self.token.upper == "GROUPING" and self.peek().upper == "SETS":
            self.advance()
            self.advance()
            self.expect_sign("(")
            sets = [self._read_grouping_set()]
            while self.take_sign(","):
                sets.append(self._read_grouping_set())
            self.expect_sign(")")
            return tree.Grouping("GROUPING SETS", sets)
        if self.token.upper == "(" and self.peek().upper == ")":
            self.advance()
            self.advance()
            return tree.Grouping("", [[]])
        found = self.read_expression()
        return tree.Grouping("", [found.items if isinstance(found, tree.Row) else [found]])

    def _read_grouping_set(self) -> list[tree.Expression]:
        if not self.take_sign("("):
            return [self.read_expression()]
        columns = [] if self.token.upper == ")" else self.read_expressions()
        self.expect_sign(")")
        return columns

    # --- relations ---

    def _read_relation(self) -> tree.Relation:
        left = self._read_sampled()
        while True:
            place = self.token.place
            if self.take_word("CROSS"):
                self.expect_word("JOIN")
                left = tree.Join(place, "CROSS", left, self._read_sampled())
            elif self.take_word("NATURAL"):
                kind = self._read_join_kind()
                left = tree.Join(place, kind, left, self._read_sampled(), natural=True)
            elif self.token.upper in (*_JOINS, "JOIN"):
                left = self._read_join(place, left)
            else:
                return left

    def _read_join_kind(self) -> str:
        kind = self.advance().upper if self.token.upper in _JOINS else "INNER"
        if kind != "INNER":
            self.take_word("OUTER")
        self.expect_word("JOIN")
        return kind

    def _read_join(self, place: Place, left: tree.Relation) -> tree.Join:
        kind = self._read_join_kind()
        right = self._read_relation()
        if self.take_word("ON"):
            return tree.Join(place, kind, left, right, self.read_expression())
        if self.token.upper != "USING":
            raise self.mismatch("'CROSS', 'FULL', 'INNER', 'JOIN', 'LEFT', 'NATURAL', 'ON', 'RIGHT', 'USING'")
        self.advance()
        if self.token.upper != "(":
            raise self.mismatch("'('")
        return tree.Join(place, kind, left, right, using=self._read_columns())

    def _read_sampled(self) -> tree.Relation:
        relation = self._read_aliased()
        if not self.take_word("TABLESAMPLE"):
            return relation
        place = self.token.place
        if self.token.upper not in ("BERNOULLI", "SYSTEM"):
            raise self.mismatch("'BERNOULLI', 'SYSTEM'")
        method = self.advance().upper
        self.expect_sign("(")
        percentage = self.read_expression()
        self.expect_sign(")")
        return tree.Sample(place, relation, method, percentage)

    def _read_aliased(self) -> tree.Relation:
        place = self.token.place
        relation = self._read_primary_relation()
        if self.token.upper == "MATCH_RECOGNIZE":
            raise refusal("MATCH_RECOGNIZE", self.token.place)
        if self.take_word("AS") or (self.is_identifier() and not self._at_clause()):
            name = self.read_identifier()
            return tree.Aliased(place, relation, name, self._read_columns())
        return relation

    def _at_clause(self) -> bool:
        """Whether the word opens a clause although it is none of the reserved ones."""
        follower = self.peek()
        if self.token.kind == "quoted":
            return False
        if self.token.upper in ("LIMIT", "OFFSET"):
            return follower.kind == "integer" or follower.upper in ("?", "ALL")
        if self.token.upper == "FETCH":
            return follower.upper in ("FIRST", "NEXT")
        if self.token.upper == "WINDOW":
            return self.peek(2).upper == "AS"
        return self.token.upper == "TABLESAMPLE" and follower.upper in ("BERNOULLI", "SYSTEM")

    def _read_primary_relation(self) -> tree.Relation:
        place = self.token.place
        if self.take_word("UNNEST"):
            self.expect_sign("(")
            arguments = self.read_expressions()
            self.expect_sign(")")
            ordinality = self.token.upper == "WITH" and self.peek().upper == "ORDINALITY"
            if ordinality:
                self.advance()
                self.advance()
            return tree.Unnest(place, arguments, ordinality)
        if self.token.upper == "LATERAL" and self.peek().upper == "(":
            self.advance()
            self.advance()
            query = self.read_query()
            self.expect_sign(")")
            return tree.Derived(place, query, lateral=True)
        if self.token.upper == "TABLE" and self.peek().upper == "(":
            raise refusal("A table function", place)
        if self.token.upper == "(":
            return self._read_bracketed(place)
        return tree.Table(place, self._read_qualified())

    def _read_bracketed(self, place: Place) -> tree.Relation:
        """A query or a relation in brackets: whichever can be read."""
        is_query = self.at_query()
        self.expect_sign("(")
        if is_query and not (self.token.upper == "(" and self._closes_early()):
            query = self.read_query()
            self.expect_sign(")")
            return tree.Derived(place, query, lateral=False)
        relation = self._read_relation()
        self.expect_sign(")")
        return relation

    def _closes_early(self) -> bool:
        """Whether after the inner bracket comes what only a relation may have: ((SELECT ...) t JOIN ...)."""
        depth, ahead = 0, 0
        while True:
            token = self.peek(ahead)
            depth += {"(": 1, ")": -1}.get(token.upper, 0)
            if token.kind == "end":
                return False
            ahead += 1
            if depth == 0:
                after = self.peek(ahead)
                words = ("UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH", ")")
                return after.upper not in words

    def _read_qualified(self) -> list[str]:
        parts = [self.read_identifier()]
        while self.take_sign("."):
            parts.append(self.read_identifier())
        return parts
