CREATE TABLE buckets (
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    created FLOAT NOT NULL,
    settings JSON NOT NULL,
    versioning TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE catalog_nodes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    parent INTEGER,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body JSON NOT NULL,
    UNIQUE (parent, kind, name),
    FOREIGN KEY(parent) REFERENCES catalog_nodes (id) ON DELETE CASCADE
);

CREATE TABLE log_groups (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    retention_days INTEGER,
    settings JSON NOT NULL,
    UNIQUE (account, region, name)
);

CREATE TABLE metric_series (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    dimensions TEXT NOT NULL,
    last BIGINT NOT NULL,
    next_number BIGINT NOT NULL,
    UNIQUE (account, region, namespace, name, dimensions)
);

CREATE TABLE metric_sources (
    source TEXT NOT NULL,
    stored INTEGER NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (source)
);

CREATE TABLE objects (
    bucket TEXT NOT NULL,
    "key" TEXT NOT NULL,
    id TEXT NOT NULL,
    size BIGINT NOT NULL,
    etag TEXT NOT NULL,
    modified FLOAT NOT NULL,
    parts INTEGER NOT NULL,
    details JSON NOT NULL,
    version TEXT DEFAULT 'null' NOT NULL,
    PRIMARY KEY (bucket, "key")
)
 WITHOUT ROWID;

CREATE TABLE outbox (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    body JSON NOT NULL,
    created FLOAT NOT NULL,
    due FLOAT NOT NULL,
    attempts INTEGER NOT NULL
);

CREATE INDEX outbox_due ON outbox (due, number);

CREATE TABLE parts (
    owner TEXT NOT NULL,
    number INTEGER NOT NULL,
    size BIGINT NOT NULL,
    start BIGINT NOT NULL,
    etag TEXT NOT NULL,
    modified FLOAT NOT NULL,
    checksums JSON NOT NULL,
    blob TEXT,
    content BLOB,
    PRIMARY KEY (owner, number)
);

CREATE INDEX parts_blob ON parts (blob) WHERE blob IS NOT NULL;

CREATE TABLE records (
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    created DOUBLE NOT NULL,
    modified DOUBLE NOT NULL,
    body JSON NOT NULL,
    PRIMARY KEY (kind, account, region, name)
);

CREATE INDEX records_by_creation ON records (kind, account, region, created, name);

CREATE TABLE schema_version (
    version INTEGER NOT NULL
);

CREATE TABLE uploads (
    id TEXT NOT NULL,
    bucket TEXT NOT NULL,
    "key" TEXT NOT NULL,
    created FLOAT NOT NULL,
    details JSON NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX uploads_key ON uploads (bucket, "key", id);

CREATE TABLE versions (
    bucket TEXT NOT NULL,
    "key" TEXT NOT NULL,
    number BIGINT NOT NULL,
    version TEXT NOT NULL,
    id TEXT NOT NULL,
    size BIGINT NOT NULL,
    etag TEXT NOT NULL,
    modified FLOAT NOT NULL,
    parts INTEGER NOT NULL,
    details JSON NOT NULL,
    PRIMARY KEY (bucket, "key", number)
)
 WITHOUT ROWID;

CREATE INDEX versions_version ON versions (bucket, "key", version);

CREATE TABLE log_streams (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    first_event BIGINT,
    last_event BIGINT,
    last_ingestion BIGINT,
    stored_bytes BIGINT NOT NULL,
    next_number BIGINT NOT NULL,
    position BIGINT NOT NULL,
    UNIQUE (group_id, name),
    FOREIGN KEY(group_id) REFERENCES log_groups (id) ON DELETE CASCADE
);

CREATE TABLE metric_points (
    series_id INTEGER NOT NULL,
    time BIGINT NOT NULL,
    number BIGINT NOT NULL,
    unit TEXT NOT NULL,
    count DOUBLE NOT NULL,
    sum DOUBLE NOT NULL,
    minimum DOUBLE NOT NULL,
    maximum DOUBLE NOT NULL,
    samples JSON,
    PRIMARY KEY (series_id, time, number),
    FOREIGN KEY(series_id) REFERENCES metric_series (id) ON DELETE CASCADE
)
 WITHOUT ROWID;

CREATE TABLE log_events (
    stream_id INTEGER NOT NULL,
    time BIGINT NOT NULL,
    number BIGINT NOT NULL,
    ingested BIGINT NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (stream_id, time, number),
    FOREIGN KEY(stream_id) REFERENCES log_streams (id) ON DELETE CASCADE
)
 WITHOUT ROWID;
