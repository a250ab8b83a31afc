"""aws-chunked framing and what clients claim of their bodies."""

import asyncio
import base64
import gzip
import hashlib
import zlib

import pytest
from awscrt import checksums as crt

from clary.access.signatures import ChunkSigner, SignatureV4
from clary.errors import ServiceError
from clary.wire.body import ClientGone, Incoming, RequestTooLarge, StreamedBody
from clary.wire.checksums import NAMES, Checksum
from clary.wire.chunked import ChunkedDecoder, IncompleteBody, InvalidChunk

CONTENT = bytes(range(256)) * 3000
FRAMING = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "content-encoding": "aws-chunked"}
FRAMED = b"3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n"


def undone(data, size, signer=None):
    decoder = ChunkedDecoder(signer)
    out = [part for start in range(0, len(data), size) for part in decoder.feed(data[start : start + size])]
    decoder.finish()
    return b"".join(out), decoder.trailers


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_framing_is_undone_however_the_bytes_are_cut(size):
    assert undone(FRAMED, size) == (b"abcdefgh", {})
    trailed = FRAMED[:-2] + b"x-amz-checksum-crc32: AAAA==\r\n\r\n"
    assert undone(trailed, size) == (b"abcdefgh", {"x-amz-checksum-crc32": "AAAA=="})
    assert undone(b"0\r\n\r\n", size) == (b"", {})
    assert undone(b"0\r\n", size) == (b"", {})  # the last line left out


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", IncompleteBody),
        (b"3\r\nab", IncompleteBody),
        (b"3\r\nabc\r\n", IncompleteBody),
        (b"3\r\nabcd\r\n", InvalidChunk),
        (b"x\r\n", InvalidChunk),
        (b"-1\r\n", InvalidChunk),
        (b"0\r\n\r\nmore", InvalidChunk),
        (b"1" * 10_000, InvalidChunk),
    ],
)
def test_broken_framing_is_refused(data, error):
    with pytest.raises(error):
        undone(data, 7)


@pytest.fixture
def signer():
    """The example in "Transferring payload in multiple chunks" of the S3 API reference."""
    return ChunkSigner(
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        SignatureV4(
            access_key="AKIAIOSFODNN7EXAMPLE",
            date="20130524",
            region="us-east-1",
            service="s3",
            signed_headers=(),
            signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
            time="20130524T000000Z",
            expires=None,
        ),
    )


SIGNED = b"".join(
    b"%x;chunk-signature=%s\r\n%s\r\n" % (size, signature, b"a" * size)
    for size, signature in [
        (65536, b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ]
)


@pytest.mark.parametrize("size", [10_000, 1 << 20])
def test_signed_chunks_are_verified(signer, size):
    assert undone(SIGNED, size, signer) == (b"a" * 66560, {})


@pytest.mark.parametrize("place", [100, 66_000, len(SIGNED) - 10])
def test_a_forged_chunk_is_refused(signer, place):
    forged = SIGNED[:place] + bytes([SIGNED[place] ^ 1]) + SIGNED[place + 1 :]
    with pytest.raises(ServiceError) as caught:
        undone(forged, 4096, signer)
    assert caught.value.code in ("SignatureDoesNotMatch", "InvalidRequest")


def test_a_forged_trailer_is_refused(signer):
    lines = b"x-amz-checksum-crc32:AAAAAA==\n"
    end = SIGNED[:-2] + b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:%s\r\n\r\n"
    last = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
    good = signer.trailer(last, lines).encode()
    assert undone(end % good, 4096, signer)[1] == {"x-amz-checksum-crc32": "AAAAAA=="}
    with pytest.raises(ServiceError, match="signature"):
        undone(end % b"0", 4096, signer)


def test_a_signed_chunk_is_held_whole_so_its_size_is_limited(signer):
    with pytest.raises(InvalidChunk, match="16777216"):
        ChunkedDecoder(signer).feed(b"10000000;chunk-signature=x\r\n")


def incoming(data, headers, size=50_000, gone=False, limit=10**6):
    pieces = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = gone
    messages.append({"type": "http.disconnect"})

    async def receive():
        return messages.pop(0)

    return Incoming(receive, {"content-length": str(len(data)), **headers}, limit)


def taken(data, headers, **how):
    """What an operation gets of a streamed body."""

    async def take():
        body = StreamedBody(incoming(data, headers, **how), lambda: None)
        content = b"".join([part async for part in body.chunks()])
        return content, body

    return asyncio.run(take())


DIGESTS = {
    "crc32": zlib.crc32(CONTENT).to_bytes(4, "big"),
    "crc32c": crt.crc32c(CONTENT, 0).to_bytes(4, "big"),
    "crc64nvme": crt.crc64nvme(CONTENT, 0).to_bytes(8, "big"),
    "sha1": hashlib.sha1(CONTENT).digest(),
    "sha256": hashlib.sha256(CONTENT).digest(),
}


def chunked(content, trailer=b"", size=100_000):
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("name", NAMES)
def test_checksums_in_headers(name):
    header = f"x-amz-checksum-{name}"
    good = base64.b64encode(DIGESTS[name]).decode()
    content, body = taken(CONTENT, {header: good})
    assert content == CONTENT
    assert body.checksums == {header: good}
    assert body.length == len(CONTENT)
    with pytest.raises(ServiceError) as caught:
        taken(CONTENT, {header: base64.b64encode(b"0" * len(DIGESTS[name])).decode()})
    assert caught.value.code == "BadDigest"
    assert name.upper() in caught.value.message


@pytest.mark.parametrize("known_length", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_checksums_in_trailers(name, known_length):
    header = f"x-amz-checksum-{name}"
    good = base64.b64encode(DIGESTS[name])
    headers = {**FRAMING, "x-amz-trailer": header}
    if known_length:
        headers["x-amz-decoded-content-length"] = str(len(CONTENT))
    content, body = taken(chunked(CONTENT, header.encode() + b":" + good + b"\r\n"), headers)
    assert content == CONTENT
    assert body.checksums == {header: good.decode()}
    assert body.length == (len(CONTENT) if known_length else None)
    with pytest.raises(ServiceError) as caught:
        taken(chunked(CONTENT + b"!", header.encode() + b":" + good + b"\r\n"), headers)
    assert caught.value.code == ("IncompleteBody" if known_length else "BadDigest")
    with pytest.raises(ServiceError) as caught:
        taken(chunked(CONTENT), headers)
    assert caught.value.code == "MalformedTrailerError"


def test_an_unknown_trailer_is_refused():
    headers = {**FRAMING, "x-amz-trailer": "x-amz-checksum-rot13"}
    with pytest.raises(ServiceError, match="rot13"):
        taken(chunked(b"a"), headers)


def test_the_hash_that_was_signed_must_be_that_of_the_body():
    good = hashlib.sha256(CONTENT).hexdigest()
    assert taken(CONTENT, {"x-amz-content-sha256": good})[0] == CONTENT
    with pytest.raises(ServiceError) as caught:
        taken(CONTENT[:-1] + b"!", {"x-amz-content-sha256": good})
    assert caught.value.code == "XAmzContentSHA256Mismatch"
    assert caught.value.fields["ClientComputedContentSHA256"] == good


def test_content_md5():
    good = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()
    assert taken(CONTENT, {"content-md5": good})[0] == CONTENT
    for claimed, code in [(base64.b64encode(b"0" * 16).decode(), "BadDigest"), ("x", "InvalidDigest")]:
        with pytest.raises(ServiceError) as caught:
            taken(CONTENT, {"content-md5": claimed})
        assert caught.value.code == code


@pytest.mark.parametrize("headers", [{}, FRAMING])
def test_a_client_that_goes_away_leaves_an_incomplete_body(headers):
    with pytest.raises(ClientGone):
        taken(b"3\r\nabc\r\n", headers, gone=True)


def test_a_content_encoding_alone_makes_no_framing():
    assert taken(b"plain", {"content-encoding": "aws-chunked"})[0] == b"plain"
    framed = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "8"}
    assert taken(FRAMED, framed)[0] == b"abcdefgh"


def test_an_empty_body():
    content, body = taken(b"", {"content-length": "0"})
    assert (content, body.length) == (b"", 0)


def test_a_whole_body_is_limited_before_and_while_it_is_read():
    assert asyncio.run(incoming(b"x" * 100, {}, limit=100).read()) == b"x" * 100
    for headers in ({}, {"content-length": "5"}, {"content-length": "", "transfer-encoding": "chunked"}):
        with pytest.raises(RequestTooLarge):
            asyncio.run(incoming(b"x" * 101, headers, size=30, limit=100).read())


def test_gzip_is_undone_within_the_limit():
    body = incoming(b"", {}, limit=1000)
    assert body.decompress(gzip.compress(b"a" * 1000)) == b"a" * 1000
    with pytest.raises(RequestTooLarge):
        body.decompress(gzip.compress(b"a" * 10**6))
    for bad in (b"no gzip", gzip.compress(b"a" * 500)[:-9]):
        with pytest.raises(ServiceError) as caught:
            body.decompress(bad)
        assert caught.value.code == "SerializationException"


@pytest.mark.parametrize("name", NAMES)
def test_checksums_run_piece_by_piece(name):
    running = Checksum(name)
    for start in range(0, len(CONTENT), 999):
        running.update(CONTENT[start : start + 999])
    assert running.digest() == DIGESTS[name]


def test_an_unknown_checksum_is_a_key_error():
    with pytest.raises(KeyError):
        Checksum("rot13")
