"""The Perspective API, v1alpha1, for tasks whose labels have names in it."""
