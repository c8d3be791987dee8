"""Routes of the pages of the tables people keep. Fixed words come before a table's own."""

from __future__ import annotations

from django.urls import path

from capacity.imports import views_bulk, views_export, views_proposals, views_record_edits, views_records

urlpatterns = [
    path("data/", views_records.index, name="data"),
    path("data/export.<str:kind>", views_export.bundle, name="data-export"),
    path("data/proposals/", views_proposals.proposals, name="data-proposals"),
    path("data/proposals/<int:number>/", views_proposals.proposal, name="data-proposal"),
    path("data/<slug:slug>/", views_records.table_list, name="data-table"),
    path("data/<slug:slug>/new/", views_record_edits.new, name="data-new"),
    path("data/<slug:slug>/bulk/", views_bulk.bulk, name="data-bulk"),
    path("data/<slug:slug>/<str:key>/", views_records.row, name="data-row"),
    path("data/<slug:slug>/<str:key>/edit/", views_record_edits.edit, name="data-edit"),
    path("data/<slug:slug>/<str:key>/retire/", views_record_edits.retire, name="data-retire"),
    path("data/<slug:slug>/<str:key>/remove/", views_record_edits.remove, name="data-remove"),
    path("data/<slug:slug>/<str:key>/undo/", views_record_edits.undo, name="data-undo"),
]
