"""A bucket and a database, as a test of crawlers uses them."""

import json

from tests.main_job import wait_until


class Lake:
    """A bucket, a database, and the crawler that a test makes of it."""

    def __init__(self, server, aws, name, database):
        self.server, self.glue, self.s3, self.logs = server, aws("glue"), aws("s3"), aws("logs")
        self.bucket, self.name, self.database = name, name, database
        self.s3.create_bucket(Bucket=name)

    def put(self, **objects):
        for key, body in objects.items():
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def put_all(self, objects):
        self.put(**objects)

    def delete(self, *keys):
        for key in keys:
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def create(self, path="", **options):
        target = {"Path": f"s3://{self.bucket}/{path}", **options.pop("target", {})}
        if isinstance(options.get("Configuration"), dict):
            options["Configuration"] = json.dumps({"Version": 1.0, **options["Configuration"]})
        policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DELETE_FROM_DATABASE"}
        request = {"Role": "crawler", "SchemaChangePolicy": policy, "Targets": {"S3Targets": [target]}, **options}
        self.glue.create_crawler(Name=self.name, DatabaseName=self.database, **request)

    def crawl(self):
        """Run the crawler; its last crawl."""
        self.glue.start_crawler(Name=self.name)
        return self.wait()

    def wait(self):
        def ready():
            crawler = self.glue.get_crawler(Name=self.name)["Crawler"]
            return crawler if crawler["State"] == "READY" else None

        return wait_until(ready, f"{self.name} still runs").get("LastCrawl", {})

    def tables(self):
        """`{name: columns}`."""
        tables = self.glue.get_tables(DatabaseName=self.database)["TableList"]
        return {
            table["Name"]: [f"{column['Name']}:{column['Type']}" for column in table["StorageDescriptor"]["Columns"]]
            for table in tables
        }

    def table(self, name):
        return self.glue.get_table(DatabaseName=self.database, Name=name)["Table"]

    def partitions(self, name):
        found = self.glue.get_partitions(DatabaseName=self.database, TableName=name)["Partitions"]
        return [partition["Values"] for partition in found]

    def log(self):
        events = self.logs.get_log_events(
            logGroupName="/aws-glue/crawlers", logStreamName=self.name, startFromHead=True
        )["events"]
        return [event["message"].partition("] ")[2] for event in events]
