"""Tests of what speaks to the running hub; nothing here runs one."""
