"""How sign-in differs from the library's default: nobody signs up, and automations have no sign-in."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Administrators create people; a service account uses its token and never a page."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: User, **options: object) -> None:
        super().pre_login(request, user, **options)
        if user.is_automation:
            messages.error(request, "This is the account of an automation: it uses its API token instead.")
            raise ImmediateHttpResponse(HttpResponseRedirect(reverse("account_login")))
