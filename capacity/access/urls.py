"""Routes of sign-in, the first account, passwords, the audit log and people."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from capacity.access import views, views_account, views_people

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("welcome/", views_account.welcome, name="welcome"),
    path("password/", views_account.own_password, name="own-password"),
    path("audit/", views.audit, name="audit"),
    path("people/", views.people, name="people"),
    path("people/new/", views_people.new_person, name="people-new"),
    path("people/<str:username>/", views_people.person, name="people-person"),
    path("people/<str:username>/password/", views_people.new_password, name="people-password"),
    path("people/<str:username>/state/", views_people.change_state, name="people-state"),
    path("people/<str:username>/roles/", views.change_role, name="people-role"),
]
