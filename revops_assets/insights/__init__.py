"""Coaching text from a language model: asked, checked against the rep's figures, and left aside if it does not hold."""
