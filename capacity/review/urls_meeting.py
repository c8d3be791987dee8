"""Routes of freezing, decisions and actions."""

from __future__ import annotations

from django.urls import path

from capacity.review import views_decisions, views_meeting

urlpatterns = [
    path("reviews/<str:week>/freeze/", views_meeting.freeze, name="review-freeze"),
    path("decisions/", views_decisions.decisions, name="decisions"),
    path("decisions/new/", views_meeting.decision_new, name="decision-new"),
    path("decisions/D-<int:number>/", views_meeting.decision, name="decision"),
    path("actions/new/", views_meeting.action_new, name="action-new"),
    path("actions/A-<int:number>/", views_meeting.action, name="action"),
]
