"""Lists taken out of a service (выгрузки): whose turn it is, the worker, files of text. What a list shows is the
service's own."""
