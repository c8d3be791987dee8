"""Forms of the people page and the filter of the audit page."""

from __future__ import annotations

from django import forms

from capacity.access.roles import ROLE_NAMES, Role

ROLE_CHOICES = [(role.value, ROLE_NAMES[role]) for role in Role]


class RoleChangeForm(forms.Form):
    """Which role to give to or take from a person."""

    role = forms.ChoiceField(choices=ROLE_CHOICES)
    change = forms.ChoiceField(choices=[("grant", "Grant"), ("revoke", "Revoke")])


class AuditFilterForm(forms.Form):
    """What part of the audit log to show."""

    action = forms.CharField(required=False, max_length=60)
    username = forms.CharField(required=False, max_length=150)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
