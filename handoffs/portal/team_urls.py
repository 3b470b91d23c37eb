"""Addresses of the managers' pages about people, targets and mail."""

from django.urls import path

from handoffs.portal import sent, team

urlpatterns = [
    path("team/", team.team_page, name="team"),
    path("handoffs/<uuid:handoff_id>/assign/", team.assign, name="assign"),
    path("sla/", team.sla_page, name="sla"),
    path("sent/", sent.messages_page, name="messages"),
    path("sent/<uuid:message_id>/", sent.message_page, name="message"),
    path("sent/<uuid:message_id>/html/", sent.message_html, name="message_html"),
    path("sent/<uuid:message_id>/again/", sent.send_again, name="send_again"),
]
