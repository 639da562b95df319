"""Webhooks: what a service tells is sent to addresses that others registered for it, in order for each pilot.

`address` says where it may be sent, `signing` by which secrets, `schedule` when again; `post` is one attempt. `rows`
are what is kept, `following` makes deliveries of the service's own topic, `delivering` sends them, `api` shows all of
it. What a service sends, and of whom it is, stands in that service's own `hooks.py`.
"""
