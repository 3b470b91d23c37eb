"""Bare DRF views beside the desk's own addresses."""

from typing import Any

from django.db import transaction
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.bench.floor.models import AttemptRow, AuditRow, CaseRow, HandoffRow, RevisionRow, Row


class Report(serializers.Serializer[Any]):
    """The same body that the desk reads."""

    workflow = serializers.CharField(max_length=64)
    reference = serializers.CharField(max_length=200)
    data = serializers.DictField(required=False)
    confidence = serializers.DecimalField(max_digits=12, decimal_places=10, required=False)


class OneRow(APIView):
    """Token, validation, one INSERT."""

    def post(self, request: Request) -> Response:
        report = _valid(request)
        row = Row.objects.create(reference=report["reference"], data=report.get("data", {}))
        return Response({"id": row.pk}, status=201)


class FiveRows(APIView):
    """Token, validation, five rows through the ORM in one transaction."""

    def post(self, request: Request) -> Response:
        report = _valid(request)
        row = {"reference": report["reference"], "data": report.get("data", {})}
        with transaction.atomic():
            case, _ = CaseRow.objects.get_or_create(reference=row["reference"], defaults={"data": row["data"]})
            AttemptRow.objects.create(case=case, **row)
            handoff = HandoffRow.objects.create(case=case, **row)
            RevisionRow.objects.create(handoff=handoff, **row)
            AuditRow.objects.create(handoff=handoff, **row)
        return Response({"id": handoff.pk, "state": handoff.state, **row}, status=201)


class Step(APIView):
    """One step of a bare task: lock, change, write one audit row."""

    def post(self, request: Request, pk: int, state: str) -> Response:
        with transaction.atomic():
            handoff = HandoffRow.objects.select_for_update().get(pk=pk)
            handoff.state = state
            handoff.save(update_fields=["state"])
            AuditRow.objects.create(handoff=handoff, reference=handoff.reference, state=state)
        return Response({"id": handoff.pk, "state": state})


def _valid(request: Request) -> dict[str, Any]:
    report = Report(data=request.data)
    report.is_valid(raise_exception=True)
    return report.validated_data


urlpatterns = [
    path("floor/one/", OneRow.as_view()),
    path("floor/five/", FiveRows.as_view()),
    path("floor/<int:pk>/<str:state>/", Step.as_view()),
    path("", include("config.urls")),
]
