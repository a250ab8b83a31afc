"""The log of a crawl, worded as AWS Glue's: in the group of all crawlers, a stream by the crawler's name."""

from clary.services.glue.crawler_record import LOG_GROUP, log_stream
from clary.store.records import Key
from clary.wire import Rooms

_HELD = 200


class CrawlLog:
    """Lines of one crawl. They are stored a few at a time; `flush` stores the rest."""

    def __init__(self, rooms: Rooms, crawler: Key, crawl_id: str) -> None:
        self._rooms = rooms
        self._crawler = crawler
        self._prefix = crawl_id
        self._lines: list[tuple[float, str]] = []

    def benchmark(self, text: str) -> None:
        """How far the crawl is."""
        self._add("BENCHMARK", text)
        self.flush()

    def info(self, text: str) -> None:
        """What was done."""
        self._add("INFO", text)

    def warn(self, text: str) -> None:
        """What could not be done."""
        self._add("WARN", text)

    def error(self, text: str) -> None:
        """Why the crawl failed."""
        self._add("ERROR", text)

    def flush(self) -> None:
        """Store what is held."""
        lines, self._lines = self._lines, []
        if lines:
            self._rooms.logs.append(
                self._crawler.account, self._crawler.region, LOG_GROUP, log_stream(self._crawler.name), lines
            )

    def _add(self, level: str, text: str) -> None:
        self._lines.append((self._rooms.clock.now(), f"[{self._prefix}] {level} : {text}"))
        if len(self._lines) >= _HELD:
            self.flush()
