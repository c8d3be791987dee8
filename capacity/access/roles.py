"""The roles of the weekly review. One word per role; a person may hold several. No Django here."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Who a person is in the review. `admin` manages accounts and gives no right to see data."""

    CHAIR = "chair"
    FINANCE = "finance"
    SALES = "sales"
    RESEARCH = "research"
    PRODUCT = "product"
    EXEC = "exec"
    AUDITOR = "auditor"
    ADMIN = "admin"


ROLE_NAMES = {
    Role.CHAIR: "Chair and capacity team",
    Role.FINANCE: "Finance",
    Role.SALES: "Sales",
    Role.RESEARCH: "Research",
    Role.PRODUCT: "Product and serving",
    Role.EXEC: "Executive (read only)",
    Role.AUDITOR: "Auditor",
    Role.ADMIN: "Administrator",
}
