"""One's own profile: name, time zone, API tokens."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.forms import ProfileForm, TokenForm
from accounts.models import ApiToken, User


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and save one's name and time zone, and list one's tokens."""
    user = _myself(request)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Your profile is saved.")
        return redirect("profile")
    return render(request, "accounts/profile.html", _page(user, form, TokenForm()))


@login_required
@require_POST
def create_token(request: HttpRequest) -> HttpResponse:
    """Issue a token and show its secret, this once."""
    user = _myself(request)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/profile.html", _page(user, ProfileForm(instance=user), form), status=400)
    _, secret = ApiToken.issue(user, name=form.cleaned_data["name"], now=timezone.now())
    page = _page(user, ProfileForm(instance=user), TokenForm()) | {"secret": secret}
    response = render(request, "accounts/profile.html", page)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Make a token useless at once; its row stays for the record."""
    token = get_object_or_404(ApiToken, pk=token_id, user=_myself(request))
    token.revoked_at = token.revoked_at or timezone.now()
    token.save()
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("profile")


def _myself(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _page(user: User, form: ProfileForm, token_form: TokenForm) -> dict[str, object]:
    return {
        "form": form,
        "token_form": token_form,
        "roles": user.groups.order_by("name"),
        "tokens": user.api_tokens.order_by("revoked_at", "-created_at"),
    }
