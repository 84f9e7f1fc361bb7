"""The student behind HTTP: a page, a JSON API, and the Perspective API's own requests."""
