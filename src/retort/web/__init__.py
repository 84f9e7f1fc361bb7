"""The server behind `retort serve`: pages for people, a JSON API, and the Perspective API's requests.

Imports go one way: app > perspective > api | pages > server.
"""
