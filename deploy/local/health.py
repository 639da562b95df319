"""Asks services how they are."""

import httpx


def why_not_ready(url: str) -> str | None:
    """None when the service at this address is ready, else the reason in a few words."""
    try:
        answer = httpx.get(f"{url}/health/ready", timeout=3, trust_env=False)
        body = answer.json()
    except httpx.ConnectError:
        return "does not listen"
    except (httpx.HTTPError, ValueError) as error:
        return f"does not answer properly ({type(error).__name__})"
    if answer.status_code == 200:
        return None
    checks = body.get("checks", {}) if isinstance(body, dict) else {}
    failed = [f"{name}: {state}" for name, state in checks.items() if state != "ok"]
    return ", ".join(failed) or f"answers {answer.status_code}"
