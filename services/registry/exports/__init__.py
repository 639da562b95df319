"""Lists taken out of the register (выгрузки): the rows, and how a workbook looks."""
