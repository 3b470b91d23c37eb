"""Forms about oneself: how one is told, and when one is away. Times are in the person's own zone."""

from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from accounts.models import User
from handoffs.models import NoticeSettings
from handoffs.queries import team
from handoffs.rules.notices import zone_of

LOCAL = "%Y-%m-%dT%H:%M"


class NoticeSettingsForm(forms.ModelForm):
    """Mail, and the hours in which nothing goes out."""

    class Meta:
        model = NoticeSettings
        fields: ClassVar = ["by_email", "quiet_from", "quiet_until"]
        labels: ClassVar = {
            "by_email": "Also tell me by e-mail",
            "quiet_from": "Quiet from",
            "quiet_until": "Quiet until",
        }
        help_texts: ClassVar = {"quiet_from": "", "quiet_until": "Mails wait until then and come as one."}
        widgets: ClassVar = {
            "quiet_from": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "quiet_until": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        kept = NoticeSettings.objects.filter(person=person).first()
        super().__init__(*args, **(options | {"instance": kept or NoticeSettings(person=person)}))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if (cleaned.get("quiet_from") is None) != (cleaned.get("quiet_until") is None):
            self.add_error("quiet_until", "Quiet hours need both a beginning and an end.")
        return cleaned


class AbsenceForm(forms.Form):
    """From when until when, and who covers."""

    starts_at = forms.DateTimeField(
        label="Away from",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL),
        input_formats=[LOCAL],
    )
    ends_at = forms.DateTimeField(
        label="Back on",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL),
        input_formats=[LOCAL],
    )
    cover = forms.ModelChoiceField(
        label="Covered by",
        queryset=User.objects.none(),
        required=False,
        empty_label="Nobody in particular: back to the queue",
        help_text="Somebody with one of your roles. What you hold is offered to them first.",
    )

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.zone = zone_of(person.time_zone)
        cover = self.fields["cover"]
        assert isinstance(cover, forms.ModelChoiceField)
        cover.queryset = team.colleagues_of(person)

    def clean_starts_at(self) -> Any:
        return self._in_own_zone("starts_at")

    def clean_ends_at(self) -> Any:
        return self._in_own_zone("ends_at")

    def _in_own_zone(self, name: str) -> Any:
        """The browser sends local time without a zone: it means the person's own."""
        given = timezone.make_naive(self.cleaned_data[name])
        return given.replace(tzinfo=self.zone)
