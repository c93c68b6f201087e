"""Real OpenID providers for tests: Keycloak, and the npm package ``oidc-provider`` with an own small server."""
