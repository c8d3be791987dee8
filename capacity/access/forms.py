"""Forms of signing in, the first account, people, passwords, and the filter of the audit page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from capacity.access.accounts import RESERVED_NAMES, is_expired
from capacity.access.models import User
from capacity.access.roles import ROLE_NAMES, Role

ROLE_CHOICES = [(role.value, ROLE_NAMES[role]) for role in Role]
OTHER_ROLES = [choice for choice in ROLE_CHOICES if choice[0] != Role.ADMIN]
_NAME_HELP = "Letters, digits and @ . + - _; it cannot be changed later."
_TEAM_HELP = "Key of the research team whose requests are theirs, as in the table of teams."


class RoleChangeForm(forms.Form):
    """Which role to give to or take from a person."""

    role = forms.ChoiceField(choices=ROLE_CHOICES)
    change = forms.ChoiceField(choices=[("grant", "Grant"), ("revoke", "Revoke")])


class AuditFilterForm(forms.Form):
    """What part of the audit log to show."""

    action = forms.CharField(required=False, max_length=60)
    username = forms.CharField(required=False, max_length=150)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class SignInForm(AuthenticationForm):
    """Name and password; a one-time password that nobody used within a week no longer opens anything."""

    def confirm_login_allowed(self, user: User) -> None:
        super().confirm_login_allowed(user)
        if is_expired(user, now=timezone.now()):
            raise ValidationError(
                "This one-time password has run out. Ask an administrator for a new one.", code="expired"
            )


class DetailsForm(forms.Form):
    """The name shown and the team."""

    display_name = forms.CharField(label="Name shown", max_length=120, required=False)
    team_key = forms.CharField(label="Team", max_length=80, required=False, help_text=_TEAM_HELP)


def _username_field() -> UsernameField:
    return UsernameField(
        label="User name",
        max_length=150,
        validators=User._meta.get_field("username").validators,
        help_text=_NAME_HELP,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )


class NewPersonForm(DetailsForm):
    """A person to add. Their one-time password is made for them."""

    username = _username_field()
    roles = forms.MultipleChoiceField(
        label="Roles", choices=ROLE_CHOICES, required=False, widget=forms.CheckboxSelectMultiple
    )
    field_order = ("username", "display_name", "roles", "team_key")

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if name.lower() in RESERVED_NAMES:
            raise ValidationError(f"Nobody can be called {name} here: choose another name.")
        if User.objects.filter(username=name).exists():
            raise ValidationError("There is an account of this name already.")
        return name


class _NewPassword(forms.Form):
    """A password typed twice and strong enough. Subclasses say for whom it is."""

    password = forms.CharField(
        label="New password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters; not your name and not a common word.",
    )
    again = forms.CharField(
        label="The same once more", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def password_owner(self) -> User:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        password, again = found.get("password"), found.get("again")
        if password and again and password != again:
            self.add_error("again", "The two passwords differ.")
        elif password:
            try:
                validate_password(password, self.password_owner())
            except ValidationError as refused:
                self.add_error("password", refused)
        return found


class OwnPasswordForm(_NewPassword):
    """A person's own new password; the present one proves that it is they who sit there."""

    present = forms.CharField(
        label="Present password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("present", "password", "again")

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._person = person

    def password_owner(self) -> User:
        return self._person

    def clean_present(self) -> str:
        present: str = self.cleaned_data["present"]
        if not self._person.check_password(present):
            raise ValidationError("This is not your present password.")
        return present

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        if found.get("password") and found.get("password") == found.get("present"):
            self.add_error("password", "Choose another one than the present password.")
        return found


class FirstPersonForm(_NewPassword):
    """The first account of this installation."""

    username = _username_field()
    display_name = forms.CharField(label="Name shown", max_length=120, required=False)
    code = forms.CharField(
        label="Setup code",
        max_length=80,
        help_text="It stands on the terminal where Capacity Review was started; on a server "
        "the command manage.py setup_code prints it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    roles = forms.MultipleChoiceField(
        label="What else do you do at this lab?",
        choices=OTHER_ROLES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="You become administrator. An administrator sees no figures: tick the roles you hold yourself. "
        "Afterwards nobody changes their own roles.",
    )
    team_key = forms.CharField(label="Team", max_length=80, required=False, help_text=_TEAM_HELP)
    field_order = ("code", "username", "display_name", "password", "again", "roles", "team_key")

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if name.lower() in RESERVED_NAMES:
            raise ValidationError(f"Nobody can be called {name} here: choose another name.")
        if User.objects.filter(username=name).exists():
            raise ValidationError("There is a closed account of this name: choose another one.")
        return name

    def password_owner(self) -> User:
        return User(
            username=self.cleaned_data.get("username", ""), display_name=self.cleaned_data.get("display_name", "")
        )
