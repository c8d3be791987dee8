"""Routes of the import pages."""

from __future__ import annotations

from django.urls import path

from capacity.imports import views_imports

urlpatterns = [
    path("imports/", views_imports.imports, name="imports"),
    path("imports/new/", views_imports.new, name="import-new"),
    path("imports/templates/<str:table>.csv", views_imports.template_csv, name="import-template"),
    path("imports/templates/<str:table>.xlsx", views_imports.template_xlsx, name="import-template-xlsx"),
    path("imports/uploads/<int:upload_id>/", views_imports.upload, name="import-upload"),
    path("imports/uploads/<int:upload_id>/issues.csv", views_imports.upload_issues, name="import-upload-issues"),
    path("imports/<int:batch_id>/", views_imports.batch, name="import"),
    path("imports/<int:batch_id>/undo/", views_imports.undo, name="import-undo"),
    path("imports/<int:batch_id>/issues.csv", views_imports.batch_issues, name="import-issues"),
]
