"""The OpenAPI document and the page that lets one try it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response


@extend_schema(exclude=True)
class Document(SpectacularAPIView):
    """OpenAPI 3.1, made from the code; JSON or YAML by Accept."""

    authentication_classes = ()


class Page(SpectacularSwaggerSplitView):
    """Swagger UI whose script comes from an address of its own, so that the strict content policy holds."""

    authentication_classes = ()
    url_name = "api-schema"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)
        response["Referrer-Policy"] = "same-origin"
        return response
