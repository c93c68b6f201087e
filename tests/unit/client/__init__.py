"""Tests of jupyterhub_edu.client."""
