"""The object store over HTTP, path-style: what uploading an archive needs of S3."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from gitops.emulator.http import chunked, sigv4
from gitops.emulator.uploads import BUCKET, UploadProblem, Uploads

_MAX_DOCUMENT = 4 * 1024 * 1024


async def handle(request: Request, uploads: Uploads) -> Response:
    """Answer one S3 request."""
    bucket, _, key = request.path_params["path"].lstrip("/").partition("/")
    try:
        if bucket != BUCKET or not key:
            raise UploadProblem(404, "NoSuchBucket", "The specified bucket does not exist.")
        return await _answer(request, uploads, key)
    except UploadProblem as problem:
        await _drain(request)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{problem.code}</Code><Message>{escape(problem.message)}</Message>"
            f"<Resource>/{escape(bucket)}/{escape(key)}</Resource></Error>"
        )
        return Response(
            body if request.method != "HEAD" else b"",
            status_code=problem.status,
            media_type="application/xml",
        )


async def _drain(request: Request) -> None:
    """A refused upload's body is on its way all the same, and must not be read as a request."""
    try:
        async for _ in request.stream():
            continue
    except (RuntimeError, ClientDisconnect):  # it was read already, or will never come
        return


async def _answer(request: Request, uploads: Uploads, key: str) -> Response:
    query = request.query_params
    _authorize(request, uploads, key)
    match request.method:
        case "PUT" if "uploadId" in query:
            return await _put_part(request, uploads, key, query["uploadId"])
        case "PUT":
            path, md5 = await _receive(request, uploads)
            stored = uploads.put(key, path, md5)
            return Response(headers={"ETag": stored.etag})
        case "POST" if "uploads" in query:
            upload_id = uploads.begin(key)
            return _xml("InitiateMultipartUploadResult", Bucket=BUCKET, Key=key, UploadId=upload_id)
        case "POST" if "uploadId" in query:
            return await _complete(request, uploads, key, query["uploadId"])
        case "DELETE" if "uploadId" in query:
            uploads.abort(query["uploadId"], key)
            return Response(status_code=204)
        case "GET" | "HEAD":
            stored = uploads.get(key)
            return FileResponse(
                stored.path,
                media_type="application/octet-stream",
                headers={
                    "ETag": stored.etag,
                    "Last-Modified": formatdate(stored.modified_at, usegmt=True),
                },
            )
        case _:
            raise UploadProblem(405, "MethodNotAllowed", "The method is not allowed here.")


def _authorize(request: Request, uploads: Uploads, key: str) -> None:
    token = request.query_params.get("X-Amz-Security-Token")
    if token is not None and request.method in {"GET", "HEAD"}:
        if not uploads.may_download(token, key):
            raise UploadProblem(403, "AccessDenied", "The download URL is not valid.")
        return
    signature = sigv4.read(request)
    credentials = uploads.credentials(
        signature.access_key_id, request.headers.get("x-amz-security-token"), key
    )
    sigv4.verify(request, signature, credentials)


async def _receive(request: Request, uploads: Uploads) -> tuple[Path, str]:
    """Write the body to disk, decoded and checked; gives the file and its MD5."""
    received = uploads.new_file()
    with received.open("wb") as file:
        async for block in request.stream():
            file.write(block)
    claimed = dict(request.headers)
    encoding = request.headers.get("content-encoding", "")
    sha = request.headers.get("x-amz-content-sha256", "")
    if "aws-chunked" in encoding or sha.startswith("STREAMING-"):
        payload = uploads.new_file()
        claimed.update(chunked.decode(received, payload))
        received.unlink()
        received = payload
        declared = request.headers.get("x-amz-decoded-content-length")
        if declared is not None and int(declared) != received.stat().st_size:
            raise UploadProblem(400, "IncompleteBody", "The body is not as long as declared.")
    md5, computed = chunked.digests(received)
    chunked.check(claimed, computed)
    return received, md5


async def _put_part(request: Request, uploads: Uploads, key: str, upload_id: str) -> Response:
    upload = uploads.multipart(upload_id, key)
    number = request.query_params.get("partNumber", "")
    if not number.isdigit() or not 1 <= int(number) <= 10_000:
        raise UploadProblem(400, "InvalidArgument", "partNumber must be 1 to 10000.")
    path, md5 = await _receive(request, uploads)
    upload.parts[int(number)] = (path, md5)
    return Response(headers={"ETag": f'"{md5}"'})


async def _complete(request: Request, uploads: Uploads, key: str, upload_id: str) -> Response:
    body = await request.body()
    if len(body) > _MAX_DOCUMENT or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise UploadProblem(400, "MalformedXML", "The document is not acceptable.")
    parts: list[tuple[int, str]] = []
    try:
        for part in ET.fromstring(body):  # noqa: S314 - no DTD gets this far
            found = {child.tag.rpartition("}")[2]: child.text or "" for child in part}
            parts.append((int(found["PartNumber"]), found["ETag"]))
    except (ET.ParseError, KeyError, ValueError):
        raise UploadProblem(400, "MalformedXML", "The document cannot be read.") from None
    stored = uploads.complete(upload_id, key, parts)
    return _xml("CompleteMultipartUploadResult", Bucket=BUCKET, Key=key, ETag=stored.etag)


def _xml(root: str, **children: str) -> Response:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in children.items())
    return Response(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</{root}>',
        media_type="application/xml",
    )
