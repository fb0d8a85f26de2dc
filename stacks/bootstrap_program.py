"""Runs on a fresh node from user data: fetch what the stack published, check it, lay it out.

Standard library only, for a bare image has nothing else. Running it again changes nothing.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import os
import shutil
import stat
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

IMDS = "http://169.254.169.254"
TIMEOUT_S = 10
ATTEMPTS = 9  # half a minute in all: a new role needs some seconds to be known everywhere


def http(method: str, url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send a request, through no proxy and following no redirect. Raises OSError unless the answer is 200."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_S)
    connection.request(method, parts.path, headers=dict(headers))
    answer = connection.getresponse()
    if answer.status != 200:
        raise OSError(f"{method} {url}: {answer.status} {answer.read(400)!r}")
    return answer


def ask_imds(path: str, imds: str) -> str:
    """Text of a metadata path, by the token that IMDSv2 demands."""
    token = http("PUT", f"{imds}/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}).read(1024).decode()
    return http("GET", f"{imds}/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": token}).read(65536).decode()


def node_credentials(imds: str) -> dict[str, str]:
    """Short-lived keys of the instance's role."""
    role = ask_imds("iam/security-credentials/", imds).split()[0]
    return dict(json.loads(ask_imds(f"iam/security-credentials/{role}", imds)))


def object_url(manifest: Mapping[str, Any], key: str, environ: Mapping[str, str]) -> str:
    """Virtual host on AWS; path style where the standard SDK variables name another endpoint."""
    path = quote(key, safe="/~-._")
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{manifest['bucket']}/{path}"
    return f"https://{manifest['bucket']}.s3.{manifest['region']}.{manifest['suffix']}/{path}"


def sign(url: str, region: str, keys: Mapping[str, str], now: datetime.datetime) -> dict[str, str]:
    """Headers of a GET, signed as https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html says."""
    parts = urlsplit(url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": parts.netloc,
        "x-amz-content-sha256": nothing,
        "x-amz-date": stamp,
        "x-amz-security-token": keys["Token"],
    }
    names = ";".join(headers)  # they stand in order above
    canonical = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join(["GET", parts.path, "", canonical, names, nothing])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{keys['AccessKeyId']}/{scope}"
    return {**headers, "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"}


def download(url: str, headers: Mapping[str, str], path: Path, item: Mapping[str, Any]) -> None:
    """Write the object to path. Raises ValueError when it is not the one that the stack published."""
    digest, left = hashlib.sha256(), int(item["size"])
    answer = http("GET", url, headers)
    with path.open("wb") as file:
        while left >= 0 and (chunk := answer.read(1 << 20)):
            left -= len(chunk)
            digest.update(chunk)
            file.write(chunk)
    if left or digest.hexdigest() != item["sha256"]:
        raise ValueError(f"not the published object: expected {item['size']} bytes with sha256 {item['sha256']}")


def fetch(
    manifest: Mapping[str, Any],
    item: Mapping[str, Any],
    path: Path,
    environ: Mapping[str, str],
    *,
    imds: str = IMDS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Download one object, trying a bounded number of times. Raises SystemExit after the last."""
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(min(0.25 * 2**attempt, 8))
        try:
            url = object_url(manifest, item["key"], environ)
            now = datetime.datetime.now(datetime.UTC)
            download(url, sign(url, manifest["region"], node_credentials(imds), now), path, item)
            return
        except (OSError, HTTPException, ValueError, LookupError) as error:
            print(f"understudy: {item['key']}: attempt {attempt + 1} of {ATTEMPTS}: {error}", file=sys.stderr, flush=True)
    raise SystemExit(f"understudy: gave up on {item['key']}")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack with the modes kept. Raises ValueError for a link, or a name that leads out of the folder."""
    with zipfile.ZipFile(archive) as bundle:
        for entry in bundle.infolist():
            name, mode = entry.filename, entry.external_attr >> 16
            if name.startswith("/") or ".." in name.split("/") or "\\" in name or stat.S_ISLNK(mode):
                raise ValueError(f"refused to unpack {name!r}")
            path = bundle.extract(entry, folder)
            if not entry.is_dir():
                os.chmod(path, stat.S_IMODE(mode) or 0o644)


def put(new: Path, target: Path) -> None:
    """Move new to target; what was there before goes away."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.is_dir():
        target.replace(old)
    new.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def lay_out(manifest: Mapping[str, Any], item: Mapping[str, Any], environ: Mapping[str, str], *, imds: str = IMDS) -> None:
    """Bring one item to where it belongs, unless that was done before."""
    target = Path(item["to"])
    mark = Path(manifest["home"], ".done", hashlib.sha256(f"{item['sha256']} {target}".encode()).hexdigest())
    if mark.exists() and target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fetched = target.with_name(f".{target.name}.fetched")
    new = target.with_name(f".{target.name}.new")
    fetch(manifest, item, fetched, environ, imds=imds)
    if item["kind"] == "zip":
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        unpack(fetched, new)
        fetched.unlink()
    else:
        fetched.replace(new)
    put(new, target)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def main(manifest_path: str, environ: Mapping[str, str], *, imds: str = IMDS) -> None:
    manifest = json.loads(Path(manifest_path).read_text())
    for item in manifest["items"]:
        lay_out(manifest, item, environ, imds=imds)
    home = Path(manifest["home"])
    link = home / ".current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(manifest["release"])
    link.replace(home / "current")


if __name__ == "__main__":
    main(sys.argv[1], os.environ)
