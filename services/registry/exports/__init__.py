"""Lists taken out of the register (выгрузки): the worker, the rows, the files."""
