"""Where Baseten is, and what never becomes an address or a key."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.address import is_loopback
from gitops.baseten.endpoint import (
    DEFAULT_API_URL,
    DEFAULT_INFERENCE_URL,
    ApiKey,
    Endpoint,
    from_environment,
)
from gitops.errors import UsageError
from tests.baseten.fakes import KEY, SECRET


def test_the_key_alone_is_enough() -> None:
    endpoint = from_environment({"BASETEN_API_KEY": KEY})
    assert endpoint.api_url == DEFAULT_API_URL
    assert endpoint.inference_url == DEFAULT_INFERENCE_URL
    assert endpoint.s3_endpoint is None
    assert endpoint.host == "api.baseten.co"
    assert endpoint.inference("abc") == "https://model-abc.api.baseten.co"


def test_empty_variables_count_as_unset() -> None:
    endpoint = from_environment(
        {"BASETEN_API_KEY": KEY, "BASETEN_API_URL": "", "BASETEN_INFERENCE_URL": ""}
    )
    assert endpoint.api_url == DEFAULT_API_URL


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "BASETEN_API_KEY is not set"),
        ({"BASETEN_API_KEY": ""}, "BASETEN_API_KEY is not set"),
        ({"BASETEN_API_KEY": KEY + "\n"}, "starts or ends with white space"),
        ({"BASETEN_API_KEY": " " + KEY}, "starts or ends with white space"),
        ({"BASETEN_API_KEY": KEY[:5] + "\x1b" + KEY[5:]}, "characters in it that no key has"),
        ({"BASETEN_API_KEY": KEY + "ü"}, "characters in it that no key has"),
        ({"BASETEN_API_URL": "ftp://api.baseten.co"}, "not an http or https address"),
        ({"BASETEN_API_URL": "api.baseten.co"}, "not an http or https address"),
        ({"BASETEN_API_URL": "https://"}, "not an http or https address"),
        ({"BASETEN_API_URL": "https://api.baseten.co:port"}, "not an address that can be read"),
        ({"BASETEN_API_URL": "http://[::1"}, "not an address that can be read"),
        ({"BASETEN_API_URL": "https://me:pw@api.baseten.co"}, "a user name or password"),
        ({"BASETEN_API_URL": "https://api.baseten.co/?a=b"}, "a query or a fragment"),
        ({"BASETEN_API_URL": "http://api.baseten.co"}, "cross the network unencrypted"),
        ({"BASETEN_API_URL": "http://127.0.0.1.example.com"}, "cross the network unencrypted"),
        ({"BASETEN_INFERENCE_URL": "https://predict.example.com"}, "no {model_id} in it"),
        (
            {"BASETEN_API_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://example.com"},
            "AWS_ENDPOINT_URL_S3",
        ),
    ],
)
def test_what_cannot_work_is_said(environ: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_environment(
            environ
            if "BASETEN_API_KEY" in environ or not environ
            else {"BASETEN_API_KEY": KEY, **environ}
        )
    assert said in caught.value.message
    assert SECRET not in repr(caught.value)


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        from_environment(
            {"BASETEN_API_KEY": KEY, "BASETEN_API_URL": "https://me:hunter22@api.baseten.co"}
        )
    assert "hunter22" not in str(caught.value)


def test_the_s3_address_counts_only_beside_an_api_of_ones_own() -> None:
    environ = {"BASETEN_API_KEY": KEY, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}
    assert from_environment(environ).s3_endpoint is None
    assert (
        from_environment({**environ, "BASETEN_API_URL": DEFAULT_API_URL + "/"}).s3_endpoint is None
    )
    emulated = from_environment({**environ, "BASETEN_API_URL": "http://127.0.0.1:8000/"})
    assert emulated.s3_endpoint == "http://127.0.0.1:9000"
    assert emulated.api_url == "http://127.0.0.1:8000"
    assert emulated.host == "127.0.0.1:8000"


def test_an_inference_address_of_this_machine_may_do_without_the_model_id() -> None:
    endpoint = from_environment(
        {"BASETEN_API_KEY": KEY, "BASETEN_INFERENCE_URL": "http://localhost:1/model"}
    )
    assert endpoint.inference("abc") == "http://localhost:1/model"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.0.1", True),
        ("http://[::1]:80", True),
        ("http://localhost", True),
        ("http://model-{model_id}.localhost:8000", True),
        ("https://api.baseten.co", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_loopback(url: str, here: bool) -> None:
    assert is_loopback(url) is here


def test_the_key_shows_nowhere_by_accident() -> None:
    key = ApiKey(KEY)
    endpoint = Endpoint(api_key=key)
    for shown in (repr(key), str(key), f"{key}", repr(endpoint), str(endpoint)):
        assert SECRET not in shown
    assert key.prefix == "pRefix01"
    with pytest.raises(TypeError):
        pickle.dumps(key)


@given(before=st.text(), after=st.text())
def test_scrubbing_leaves_nothing_of_the_key(before: str, after: str) -> None:
    key = ApiKey(KEY)
    for text in (before + KEY + after, before + SECRET + after):
        assert SECRET not in key.scrub(text)
        assert SECRET.encode() not in key.scrub_bytes(text.encode("utf-8", "surrogatepass"))


def test_a_key_without_a_dot_is_scrubbed_whole() -> None:
    key = ApiKey("abcdefgh")
    assert key.prefix is None
    assert key.scrub("x abcdefgh y") == "x *** y"
