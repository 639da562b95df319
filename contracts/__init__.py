"""The published language of Lotsman: events, code lists, rule editions and topics.

Agencies can install this package alone; it needs nothing but pydantic.
"""
