"""Tries the rules that tables state: a copy of a good row, with a few columns changed, written by plain SQL.

Plain SQL, because forms and services must not be what keeps a rule. A CHECK is tried before the indexes are, so a copy
may repeat a key where only a CHECK is meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from capacity.imports.limits import sentences_of

# constraint → (model, columns changed in the copy). An empty change repeats the row.
Attempts = Mapping[str, tuple[type[models.Model], Mapping[str, Any]]]


def named_constraints(app_labels: Iterable[str]) -> set[str]:
    """The names of all constraints that the models of the apps state."""
    return {
        constraint.name
        for label in app_labels
        for model in apps.get_app_config(label).get_models()
        for constraint in model._meta.constraints
    }


def refusals(attempts: Attempts) -> dict[str, str]:
    """constraint → the constraint that refused its attempt; "accepted" when none did."""
    return {name: refusal(model, changes) for name, (model, changes) in attempts.items()}


def refusal(model: type[models.Model], changes: Mapping[str, Any]) -> str:
    """The constraint that keeps a changed copy of the model's first row out, or "accepted". Leaves nothing behind."""
    try:
        with transaction.atomic():
            insert_copy(model, changes)
            transaction.set_rollback(True)
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name or type(error.__cause__).__name__)  # type: ignore[union-attr]
    return "accepted"


def insert_copy(model: type[models.Model], changes: Mapping[str, Any]) -> None:
    row = model._default_manager.order_by("pk").values().first()
    assert row is not None, f"the world has no {model.__name__}"
    fields = {field.attname: field for field in model._meta.concrete_fields}
    assert set(changes) <= set(fields), (model.__name__, set(changes) - set(fields))
    values = {**row, **changes}
    del values["id"]
    names = ", ".join(f'"{fields[name].column}"' for name in values)
    places = ", ".join(["%s"] * len(values))
    texts = [json.dumps(v) if isinstance(fields[n], models.JSONField) else v for n, v in values.items()]
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})', texts)


def models_of(app_label: str) -> list[type[models.Model]]:
    """The app's own models, without the history tables."""
    found = apps.get_app_config(app_label).get_models()
    return [model for model in found if not model.__name__.endswith("Event")]


def column_rules(app_labels: Iterable[str]) -> dict[str, tuple[type[models.Model], str]]:
    """constraint → (model, column) of every rule that `capacity.imports.limits` made."""
    return {
        name: (model, sentence.column)
        for label in app_labels
        for model in models_of(label)
        for name, sentence in sentences_of(model).items()
    }


def accepted_columns(app_label: str, *, value: Any, kinds: tuple[type[models.Field[Any, Any]], ...]) -> set[str]:
    """The columns of these kinds that take the value in a copy of a row: "Model.column" each."""
    return {
        f"{model.__name__}.{field.name}"
        for model in models_of(app_label)
        for field in model._meta.concrete_fields
        if isinstance(field, kinds) and not field.is_relation and field.name != "id"
        if refusal(model, {field.attname: value}) == "accepted" or _refused_as_repeated(model, field, value)
    }


def _refused_as_repeated(model: type[models.Model], field: models.Field[Any, Any], value: Any) -> bool:
    """Whether only a repeated key kept the copy out: a CHECK is tried first, so none refused the value."""
    refused = refusal(model, {field.attname: value})
    checks = {each.name for each in model._meta.constraints if isinstance(each, models.CheckConstraint)}
    own = f"{model._meta.db_table}_{field.column}_check"
    triggers = {"outage_domain_is_of_its_pool"}
    return refused not in checks | {own} | triggers
