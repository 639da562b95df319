"""The desk: pages for people. It decides nothing and keeps nothing of the domain; it asks the three services over HTTP
with the token of whoever is signed in."""
