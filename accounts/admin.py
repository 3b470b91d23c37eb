"""Administrators' pages for people, service accounts and tokens."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from accounts.models import ApiToken, User


@admin.register(User)
class PersonAdmin(SimpleHistoryAdmin, UserAdmin):
    """People and service accounts, with their roles."""

    list_display = ("username", "first_name", "last_name", "kind", "is_active", "is_staff")
    list_filter = ("kind", "groups", "is_active", "is_staff")
    fieldsets = (*(UserAdmin.fieldsets or ()), ("Desk", {"fields": ("kind", "time_zone")}))


@admin.register(ApiToken)
class ApiTokenAdmin(SimpleHistoryAdmin):
    """Tokens: made here, shown once, revoked here; the secret itself is nowhere."""

    list_display = ("name", "prefix", "user", "workflows", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("user__kind",)
    readonly_fields = ("prefix", "created_at", "last_used_at")
    autocomplete_fields = ("user",)
    fields: ClassVar = ["user", "name", "workflows", "expires_at", "revoked_at", "prefix", "created_at", "last_used_at"]

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not change:
            secret = obj.take_new_secret(now=timezone.now())
            messages.warning(request, f"Copy the token now, it is not shown again: {secret}")
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
