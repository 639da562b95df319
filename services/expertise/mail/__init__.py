"""Notices by e-mail (уведомления по почте): a process of its own, beside the service."""
