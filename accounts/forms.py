"""What people may change about themselves."""

import zoneinfo
from typing import ClassVar

from django import forms

from accounts.models import ApiToken, User


class ProfileForm(forms.ModelForm):
    """Name and time zone; roles are given by administrators."""

    time_zone = forms.ChoiceField(
        choices=[(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]
    )

    class Meta:
        model = User
        fields: ClassVar = ["first_name", "last_name", "email", "time_zone"]


class TokenForm(forms.ModelForm):
    """A token for one's own use, such as a script or a chat bot."""

    class Meta:
        model = ApiToken
        fields: ClassVar = ["name"]
        labels: ClassVar = {"name": "What it is for"}
