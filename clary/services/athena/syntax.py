"""Whether the query in a statement can be read: what can't is refused before it becomes an execution."""

from __future__ import annotations

import re

from clary.errors import ClientError
from clary.sql.statements import parse, tree

_LONGEST = 20_000  # characters: 0.1 s of the server's time; of a longer query the execution tells


class SyntaxProblem(ClientError):
    """The query can't be read; the message begins with the line and the column."""


def check_syntax(text: str, statement: tree.Statement) -> None:
    """Refuse a statement whose query can't be read, or a PREPARE of one."""
    if isinstance(statement, tree.Prepare):
        inner = statement.statement
        whole = re.sub(r"[^\n]", " ", text[: inner.at]) + inner.text  # lines and columns count from the text's start
        check_syntax(whole, parse(whole))
        return
    query = statement if isinstance(statement, tree.Query) else getattr(statement, "query", None)
    if not isinstance(query, tree.Query) or len(query.text) > _LONGEST:
        return
    from clary.sql.errors import Place, SqlError
    from clary.sql.parse import parse_query

    before = text[: query.at]
    try:
        parse_query(query.text, Place(before.count("\n") + 1, len(before) - before.rfind("\n")))
    except SqlError as problem:
        if problem.code == "SYNTAX_ERROR":  # what Clary doesn't do is told by the execution
            raise SyntaxProblem(str(problem).removeprefix("SYNTAX_ERROR: ")) from None
    except RecursionError:
        return  # a query's own process has more room
