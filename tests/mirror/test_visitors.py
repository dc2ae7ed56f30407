"""Who may ask, and how browsers are told apart."""

import pytest

from mirror.problems import ProblemError
from mirror.visitors import check_origin, cookie, cookie_name, new_session, session_of


@pytest.mark.parametrize(
    ("listens_on", "headers", "may"),
    [
        ("0.0.0.0", {"host": "mirror.local:8443", "origin": "https://mirror.local:8443"}, True),
        ("0.0.0.0", {"host": "mirror.local:8443"}, True),  # no browser: curl, a robot
        ("0.0.0.0", {"host": "mirror.local:8443", "origin": "https://evil.example"}, False),
        ("0.0.0.0", {"host": "mirror.local:8443", "origin": "https://mirror.local:9999"}, False),
        ("0.0.0.0", {"host": "mirror.local:8443", "origin": "null"}, False),
        ("0.0.0.0", {"host": "mirror.local:8443", "sec-fetch-site": "cross-site"}, False),
        ("0.0.0.0", {"host": "mirror.local:8443", "sec-fetch-site": "same-site"}, False),
        ("0.0.0.0", {"host": "mirror.local:8443", "sec-fetch-site": "same-origin"}, True),
        ("127.0.0.1", {"host": "localhost:8443", "origin": "http://localhost:8443"}, True),
        ("127.0.0.1", {"host": "evil.example:8443", "origin": "http://evil.example:8443"}, False),  # resolves to us
    ],
)
def test_only_our_own_page_may_post(listens_on: str, headers: dict[str, str], may: bool) -> None:
    if may:
        check_origin(headers, listens_on)
    else:
        with pytest.raises(ProblemError) as refused:
            check_origin(headers, listens_on)
        assert refused.value.status == 403


def test_a_session_is_a_secret_of_its_browser() -> None:
    session = new_session()
    name = cookie_name(plain_http=False)
    assert name.startswith("__Host-")
    value = cookie(name, session, plain_http=False)
    assert all(part in value for part in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/"))
    assert "Secure" not in cookie("mirror", session, plain_http=True)
    assert session_of({name: session}, name) == session
    assert new_session() != session


@pytest.mark.parametrize("value", ["", "short", "x" * 44, "../../../etc/passwd" * 2, "ü" * 43, "x" * 42 + "\n"])
def test_a_cookie_that_is_not_from_here_is_nobodys(value: str) -> None:
    assert session_of({"mirror": value}, "mirror") is None
