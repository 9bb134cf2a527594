"""Uploads as real S3 libraries send them."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

import boto3
import httpx
import obstore
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from obstore.store import S3Store

from gitops.emulator import Running
from tests.emulator.client import Client, echo_truss, tar
from tests.patience import HANGS

LARGE = os.urandom(11 * 1024 * 1024 + 17)
CHECKSUMS = ["when_supported", "when_required"]


@pytest.fixture
def prepared(client: Client) -> Any:
    payload = {"config": echo_truss()["config"]}
    return client.post("/v1/prepare_model_upload", name="model", deployment=payload)


def store_of(emulator: Running, prepared: Any, **config: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=emulator.s3_url,
        region_name=prepared["s3_region"],
        config=Config(retries={"total_max_attempts": 1}, **config),
        **prepared["creds"],
    )


def stored(emulator: Running, prepared: Any) -> bytes:
    return emulator.emulator.uploads.objects[prepared["s3_key"]].path.read_bytes()


@pytest.mark.fact("B-127", "B-128")
@pytest.mark.parametrize("checksums", CHECKSUMS)
@pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "multipart"])
def test_boto3_uploads_streams(
    emulator: Running, prepared: Any, data: bytes, checksums: str
) -> None:
    store = store_of(emulator, prepared, request_checksum_calculation=checksums)
    transfer = TransferConfig(
        multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024
    )
    where = {"Bucket": prepared["s3_bucket"], "Key": prepared["s3_key"]}
    store.upload_fileobj(io.BytesIO(data), *where.values(), Config=transfer)
    assert stored(emulator, prepared) == data
    head = store.head_object(**where)
    assert head["ContentLength"] == len(data)
    came = [each["body_bytes"] for each in emulator.requests() if each["method"] == "PUT"]
    assert sum(came) >= len(data), "how they are framed counts too"
    if len(data) < 1000:
        assert head["ETag"] == f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    assert store.get_object(**where)["Body"].read() == data
    assert not emulator.emulator.uploads.multiparts
    store.close()


@pytest.mark.fact("B-128")
@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "multipart"])
def test_obstore_uploads_streams(emulator: Running, prepared: Any, data: bytes) -> None:
    creds = prepared["creds"]
    store = S3Store(
        prepared["s3_bucket"],
        endpoint=emulator.s3_url,
        region=prepared["s3_region"],
        access_key_id=creds["aws_access_key_id"],
        secret_access_key=creds["aws_secret_access_key"],
        session_token=creds["aws_session_token"],
        client_options={"allow_http": True},
    )
    blocks = iter([data[i : i + 65536] for i in range(0, len(data), 65536)])
    obstore.put(store, prepared["s3_key"], blocks, use_multipart=True)
    assert stored(emulator, prepared) == data
    assert obstore.head(store, prepared["s3_key"])["size"] == len(data)
    obstore.put(store, prepared["s3_key"], data, use_multipart=False)
    assert stored(emulator, prepared) == data


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aws_access_key_id": "ASIAUNKNOWN"}, "InvalidAccessKeyId"),
        ({"aws_session_token": "other"}, "InvalidToken"),
        ({"aws_secret_access_key": "other"}, "SignatureDoesNotMatch"),
    ],
)
def test_wrong_credentials_are_refused(
    emulator: Running, prepared: Any, change: dict[str, str], code: str
) -> None:
    prepared["creds"].update(change)
    store = store_of(emulator, prepared)
    with pytest.raises(ClientError) as refused:
        store.put_object(Bucket=prepared["s3_bucket"], Key=prepared["s3_key"], Body=b"x")
    assert refused.value.response["Error"]["Code"] == code
    store.close()


@pytest.mark.fact("B-127")
def test_credentials_are_for_one_key_and_one_hour(emulator: Running, prepared: Any) -> None:
    store = store_of(emulator, prepared)
    with pytest.raises(ClientError, match="AccessDenied"):
        store.put_object(Bucket=prepared["s3_bucket"], Key="another", Body=b"x")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        store.put_object(Bucket="another", Key=prepared["s3_key"], Body=b"x")
    emulator.advance(3601)
    with pytest.raises(ClientError, match="ExpiredToken"):
        store.put_object(Bucket=prepared["s3_bucket"], Key=prepared["s3_key"], Body=b"x")
    store.close()


def test_an_aborted_upload_leaves_nothing(emulator: Running, prepared: Any) -> None:
    store = store_of(emulator, prepared)
    where = {"Bucket": prepared["s3_bucket"], "Key": prepared["s3_key"]}
    upload_id = store.create_multipart_upload(**where)["UploadId"]
    store.upload_part(**where, UploadId=upload_id, PartNumber=1, Body=b"part")
    store.abort_multipart_upload(**where, UploadId=upload_id)
    assert not emulator.emulator.uploads.multiparts
    with pytest.raises(ClientError, match="NoSuchUpload"):
        store.upload_part(**where, UploadId=upload_id, PartNumber=2, Body=b"part")
    with pytest.raises(ClientError, match="404"):
        store.head_object(**where)
    store.close()


def test_a_checksum_that_does_not_fit_is_refused(emulator: Running, prepared: Any) -> None:
    store = store_of(emulator, prepared)
    with pytest.raises(ClientError, match="BadDigest"):
        store.put_object(
            Bucket=prepared["s3_bucket"],
            Key=prepared["s3_key"],
            Body=b"data",
            ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==",
        )
    store.close()


@pytest.mark.fact("B-065", "B-132")
@pytest.mark.parametrize("gzip", [False, True])
def test_a_deployed_archive_can_be_downloaded_with_the_url_alone(
    client: Client, gzip: bool
) -> None:
    truss = echo_truss()
    key = client.upload(truss, gzip=gzip, name="model")
    source = {"name": "model", "s3_key": key, "deployment": {"config": truss["config"]}}
    made = client.post("/v1/models", source=source)
    client.emulator.advance(300)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    path = f"/v1/models/{model_id}/deployments/{deployment_id}/download"
    url = client.get(path)["download_url"]
    assert httpx.get(url, timeout=HANGS).content == tar(truss["files"], gzip=gzip)
    assert httpx.get(url[:-3], timeout=HANGS).status_code == 403
    assert client.deployment(model_id)["status"] == "ACTIVE"


@pytest.mark.fact("B-126")
def test_a_dry_run_gives_nothing_to_upload_with(client: Client) -> None:
    answer = client.post(
        "/v1/prepare_model_upload", name="model", dry_run=True, deployment={"config": {}}
    )
    assert answer == {"creds": None, "s3_bucket": None, "s3_key": None, "s3_region": None}


@pytest.mark.fact("B-131")
def test_a_commit_needs_an_uploaded_archive(client: Client, prepared: Any) -> None:
    source = {"name": "model", "s3_key": prepared["s3_key"], "deployment": {"config": {}}}
    refused = client.send("POST", "/v1/models", {"source": source})
    assert refused.status_code == 400
    assert "s3_key" in refused.json()["message"]
    assert client.get("/v1/models") == {"models": []}
