"""Fault injection: the kinds of faults, the rules that choose them, and magic CallSids.

To add a kind, write one file in `kinds/`:

1. A frozen dataclass, a subclass of `ConnectionFault`, whose docstring's first line describes it to the client. Its
   fields, annotated with a `Parameter`, are the JSON value: `true` without fields, the value of a single one, or an
   object.
2. `member` (its name in `then`), `example` (a JSON value), `prevents` (whether the request is not processed), `effect`
   (what happened, for the journal), and `apply`, which acts on the connection.
3. The decorator `@fault_kind`, which registers it. The kind is then in the API, the OpenAPI document and the web page.

Document it in the table of `then` in README.md. A kind that decides for each request, as `quota`, is a `FaultKind`;
one that is given in several forms, as `reply`, has `forms`.
"""
