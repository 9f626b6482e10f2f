"""Clips whose truth is known: rendered air gestures."""
