"""What other rooms may do with the catalog; the functions take (rooms, scope) and raise the service's errors.

They answer with dicts in the model's shapes (Database, Table, Partition, UserDefinedFunction), times as epoch seconds.
"""

from clary.services.glue.connections import get_connection, source_of
from clary.services.glue.databases import (
    create_database,
    delete_database,
    get_database,
    get_databases,
    update_database,
)
from clary.services.glue.functions import get_function
from clary.services.glue.jdbc_table import find_jdbc_tables
from clary.services.glue.partitions import (
    create_partitions,
    delete_partitions,
    get_partition,
    get_partitions,
    update_partition,
)
from clary.services.glue.tables import (
    create_table,
    delete_table,
    get_table,
    get_table_version,
    get_tables,
    update_table,
)

__all__ = [
    "create_database",
    "create_partitions",
    "create_table",
    "delete_database",
    "delete_partitions",
    "delete_table",
    "find_jdbc_tables",
    "get_connection",
    "get_database",
    "get_databases",
    "get_function",
    "get_partition",
    "get_partitions",
    "get_table",
    "get_table_version",
    "get_tables",
    "source_of",
    "update_database",
    "update_partition",
    "update_table",
]
