"""Answers what PostgreSQL's own grammar (libpg_query, through pglast) makes of SQL texts.

One JSON value a line: first {"pglast": .., "postgres": ..}; then for each text of the input either
{"statements": [[start, end], ..], "tokens": [[start, end], ..]} in bytes of UTF-8, {"error": ..,
"tokens": ..} where it does not parse, or {"error": ..} where the scanner does not get through.
A statement ends with its last token that is no comment; comments are tokens too.
"""

import json
import sys
from bisect import bisect_right

import pglast
from pglast import parser


def answer(text):
    starts = [0]
    for sign in text:
        starts.append(starts[-1] + len(sign.encode()))
    tokens, solid = [], []
    for token in parser.scan(text):
        span = [starts[token.start], starts[token.end + 1]]
        tokens.append(span)
        if token.name not in ("C_COMMENT", "SQL_COMMENT"):
            solid.append(span)
    begins = [start for start, _ in solid]
    statements = []
    try:
        pieces = parser.split(text, with_parser=True, only_slices=True)
    except parser.ParseError as error:
        return {"error": str(error), "tokens": tokens}
    for piece in pieces:
        start, stop = starts[piece.start], starts[piece.stop]
        last = bisect_right(begins, stop - 1) - 1
        statements.append([start, solid[last][1]])
    return {"statements": statements, "tokens": tokens}


def say(value):
    print(json.dumps(value), flush=True)


say({"pglast": pglast.__version__, "postgres": pglast.get_postgresql_version()[0]})
for line in sys.stdin:
    try:
        say(answer(json.loads(line)))
    except parser.ParseError as error:
        say({"error": str(error)})
