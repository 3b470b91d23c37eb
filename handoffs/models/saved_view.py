"""The filters of a list that a person keeps under a name, for themselves alone."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from handoffs.choices import ListPage

NAME_CHARACTERS = 60
QUERY_CHARACTERS = 2000


class SavedView(models.Model):
    """A named set of filters; `query` is the part of the list's address that the filters read."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=8, choices=ListPage.choices())
    name = models.CharField(max_length=NAME_CHARACTERS)
    query = models.CharField(max_length=QUERY_CHARACTERS)
    is_default = models.BooleanField(default=False, help_text="Opened where the list is asked for without filters")

    class Meta:
        ordering: ClassVar = [Lower("name")]
        constraints: ClassVar = [
            models.UniqueConstraint("person", "page", Lower("name"), name="one_view_per_name_and_page"),
            models.UniqueConstraint(
                fields=["person", "page"], condition=Q(is_default=True), name="one_default_view_per_page"
            ),
        ]

    def __str__(self) -> str:
        return self.name
