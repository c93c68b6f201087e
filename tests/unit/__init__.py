"""Tests of one module each, on plain values; the folders mirror jupyterhub_edu."""
