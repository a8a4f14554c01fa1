"""Two ways to invite: one parent, or a file of them."""

from django.urls import path

from invites import views

urlpatterns = [path("parents", views.invite_one), path("imports", views.invite_all)]
