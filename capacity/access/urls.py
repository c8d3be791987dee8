"""Routes of sign-in, the audit log and people."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from capacity.access import views

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("audit/", views.audit, name="audit"),
    path("people/", views.people, name="people"),
    path("people/<str:username>/roles/", views.change_role, name="people-role"),
]
