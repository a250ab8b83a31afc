"""AWS Glue: the Data Catalog, with databases, tables, their versions and partitions, functions and connections."""
