"""The lowest floor: the JSON that the desk's API takes and gives, as types that server and client share.

A module for each area; types are ``TypedDict`` of plain JSON values, those of bodies and queries ``@strict``.
"""
