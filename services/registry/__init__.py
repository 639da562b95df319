"""Registry (реестр пилотных проектов): where each pilot stands, what was decided on it, and its timeline."""
