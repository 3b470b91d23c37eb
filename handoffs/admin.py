"""Operators' pages: what administrators set up, and read-only rows of what has a lifecycle, with its history."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from handoffs.actions import calendars
from handoffs.models import (
    Absence,
    Attempt,
    BusinessCalendar,
    Case,
    Decision,
    Delivery,
    DeliveryTry,
    Endpoint,
    Handoff,
    NotificationChannel,
    PolicyVersion,
    Recovery,
    Workflow,
)

admin.site.index_title = "Administration"


class ReadOnly(admin.ModelAdmin):
    """Rows that only actions write: here they are looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfHandoff(ReadOnly):
    """Rows whose history is on the trail of their handoff."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return super().history_view(request, object_id, extra_context)
        return redirect("admin:handoffs_handoff_history", row.handoff_id)


class ReadOnlyInline(admin.TabularInline):
    """Rows below a row, to look at."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Workflow)
class WorkflowAdmin(SimpleHistoryAdmin):
    """Allowed hosts of a workflow's callbacks; its policy is tuned in the portal."""

    list_display = ("key", "title", "live_version", "allowed_hosts")
    readonly_fields = ("key", "title", "live_version", "created_at")
    fields: ClassVar = ["key", "title", "live_version", "created_at", "allowed_hosts", "callback_secret"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Endpoint)
class EndpointAdmin(SimpleHistoryAdmin):
    """Where webhooks go, with what they are signed, and whether they are switched off."""

    list_display = ("url", "workflow", "event_types", "switched_off_at", "switched_off_reason")
    list_filter = ("workflow",)
    readonly_fields = ("created_at",)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "url":
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(BusinessCalendar)
class BusinessCalendarAdmin(SimpleHistoryAdmin):
    """Working hours, holidays and closed dates."""

    list_display = ("key", "title", "time_zone", "country", "subdivision")

    def save_model(self, request: HttpRequest, obj: BusinessCalendar, form: Any, change: bool) -> None:
        obj._history_user = request.user  # type: ignore[attr-defined]
        calendars.save(obj)


@admin.register(NotificationChannel)
class NotificationChannelAdmin(SimpleHistoryAdmin):
    """Where a role or a person is told beside the desk and e-mail."""

    list_display = ("title", "role", "person", "is_enabled", "is_masked")
    list_filter = ("is_enabled",)


@admin.register(Absence)
class AbsenceAdmin(SimpleHistoryAdmin):
    """Who is away, and who covers."""

    list_display = ("person", "starts_at", "ends_at", "cover", "handed_over_at")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(SimpleHistoryAdmin, ReadOnly):
    """Every version with its document; policies are tuned in the portal."""

    list_display = ("workflow", "number", "status", "published_at", "published_by", "publish_reason")
    list_filter = ("workflow", "status")
    history_list_display = ("status", "publish_reason")


class DecisionInline(ReadOnlyInline):
    model = Decision
    fields = ("resolution_number", "status", "outcome_title", "decided_by", "decided_at", "reason")


class RecoveryInline(ReadOnlyInline):
    model = Recovery
    fields = ("action", "state", "automation", "correlation_id", "delivered_at", "received_at", "detail")


@admin.register(Handoff)
class HandoffAdmin(SimpleHistoryAdmin, ReadOnly):
    """Handoffs with their decisions, recoveries and audit trail."""

    list_display = ("number", "summary", "workflow", "state", "role", "holder", "due_at", "opened_at")
    list_filter = ("workflow", "state", "role")
    search_fields = ("number", "case__reference", "summary")
    list_select_related = ("workflow", "role", "holder")
    history_list_display = ("event", "actor_name", "reason")
    inlines = (DecisionInline, RecoveryInline)
    show_full_result_count = False


@admin.register(Case)
class CaseAdmin(ReadOnly):
    list_display = ("reference", "workflow", "first_attempted_at", "attempts_count")
    search_fields = ("reference",)
    list_select_related = ("workflow",)
    show_full_result_count = False


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ("case", "automation", "received_at", "verdict", "error_type")
    list_filter = ("verdict",)
    list_select_related = ("case", "automation")
    show_full_result_count = False


class DeliveryTryInline(ReadOnlyInline):
    model = DeliveryTry
    fields = ("number", "finished_at", "status", "error", "duration_ms", "response_snippet")


@admin.register(Delivery)
class DeliveryAdmin(OfHandoff):
    list_display = ("event_type", "handoff", "url", "state", "attempts_made", "next_attempt_at", "parked_reason")
    list_filter = ("state", "event_type")
    list_select_related = ("handoff",)
    inlines = (DeliveryTryInline,)
    show_full_result_count = False


@admin.register(Recovery)
class RecoveryAdmin(OfHandoff):
    list_display = ("handoff", "action", "state", "automation", "created_at", "delivered_at", "received_at")
    list_filter = ("state", "action")
    list_select_related = ("handoff", "automation")
    show_full_result_count = False
