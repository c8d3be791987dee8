"""The description of the API: the OpenAPI document, how tokens stand in it, and the plain page made from it.

The document is made once in each process: the tables it describes do not change while it runs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator


class TokenScheme(OpenApiAuthenticationExtension):
    """How the token stands in the document."""

    target_class = "capacity.access.api_auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of your own, made under Account, Tokens. It opens what your roles open.",
        }


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of all resources, whoever asks: names of columns are no secret, their values are."""
    return SchemaGenerator().get_schema(request=None, public=True)
