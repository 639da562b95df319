"""Expertise (оператор экспертизы): reviews of accepted applications, experts' opinions, conclusions."""
