"""Dashboards in a browser: complete without JavaScript, nothing leaves the machine."""
