"""URLs: invite one parent, or all parents of a file."""

from django.urls import path

from invites import views

urlpatterns = [path("parents", views.invite_one), path("imports", views.invite_all)]
