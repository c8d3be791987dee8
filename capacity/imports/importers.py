"""The one table this app keeps itself: what others call things of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capacity.imports.aliases import TABLE_OF_KIND, plain
from capacity.imports.models import Alias
from capacity.imports.tables import Sentence, Table, columns_of, register
from capacity.imports.tabular import WARNING, Issue, Row


def ambiguous(rows: Sequence[Row]) -> Iterator[Issue]:
    """Two names that differ only in capitals, blanks and punctuation, for different things."""
    first: dict[tuple[object, str], Row] = {}
    for row in rows:
        written = str(row.values["written"])
        earlier = first.setdefault((row.values["kind"], plain(written)), row)
        if earlier.values["key"] != row.values["key"]:
            yield Issue(
                file=row.file,
                row=row.number,
                code="ambiguous_alias",
                severity=WARNING,
                column="written",
                message=f'"{written}" and "{earlier.values["written"]}" differ in capitals or punctuation only, and '
                "name different things: each is understood only as it is written here.",
            )


register(
    Table(
        name="aliases",
        model=Alias,
        key=("kind", "written"),
        columns=columns_of(Alias, ["kind", "written", "key", "provenance"]),
        sentences={
            "alias_kind_is_known": Sentence(column="kind", message=f"A kind is one of {', '.join(TABLE_OF_KIND)}."),
            "one_alias_per_name": Sentence(column="written", message="This name already stands for something."),
        },
        checks=(ambiguous,),
        title="Aliases",
        singular="alias",
        intro="What others call things of ours. A file that names something this way is understood.",
        area="Imports",
        slug="aliases",
        view="imports.view",
        change="imports.use",
        resource="input_aliases",
        label="written",
        listed=("kind", "written", "key", "provenance"),
        filters=("kind", "key"),
        search=("written", "key"),
        help={
            "kind": f"What it names: {', '.join(TABLE_OF_KIND)}.",
            "written": "The name as files have it. Capitals, blanks and punctuation do not count.",
            "key": "The key it stands for here.",
            "provenance": "Who uses this name, or where it was seen.",
        },
    )
)
