"""What a machine of the lab has for amazon-efs-utils' mount.efs: it asks the mount target as that one would, and then binds a folder.

The real one signs with the role's credentials, makes a TLS tunnel and mounts by NFS
(https://docs.aws.amazon.com/efs/latest/ug/efs-mount-helper.html).
Runs on the machine's own Python, with its standard library.
"""

import datetime
import hashlib
import hmac
import http.client
import json
import os
import socket
import subprocess
import sys
import urllib.parse

IMDS = "169.254.169.254"
EXPIRES_S = 86400


def told(path: str, headers: "dict[str, str]", *, method: str = "GET") -> str:
    connection = http.client.HTTPConnection(IMDS, timeout=3)
    connection.request(method, f"/latest{path}", headers=headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise OSError(f"the metadata service says {answer.status} to {path}")
    return answer.read().decode()


def token_for(file_system: str) -> tuple[str, str]:
    """(presigned address, region): Signature Version 4 in the query, of the host alone."""
    mine = {"X-aws-ec2-metadata-token": told("/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, method="PUT")}
    role = told("/meta-data/iam/security-credentials/", mine)
    keys = json.loads(told(f"/meta-data/iam/security-credentials/{role}", mine))
    region = told("/meta-data/placement/region", mine)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/elasticfilesystem/aws4_request"
    asked = {
        "Action": "Connect",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys['AccessKeyId']}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(EXPIRES_S),
        "X-Amz-Security-Token": keys["Token"],
        "X-Amz-SignedHeaders": "host",
    }
    query = "&".join(f"{key}={urllib.parse.quote(value, safe='-_.~')}" for key, value in sorted(asked.items()))
    canonical = f"GET\n/\n{query}\nhost:{file_system}\n\nhost\n{hashlib.sha256(b'').hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + keys["SecretAccessKey"].encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return f"{file_system}/?{query}&X-Amz-Signature={hmac.new(key, text.encode(), 'sha256').hexdigest()}", region


def main(arguments: "list[str]") -> int:
    """0, 1 for a wrong call, 32 as mount(8) has it for one that failed."""
    source, place = arguments[:2]
    words = arguments[arguments.index("-o") + 1].split(",") if "-o" in arguments else []
    options = dict(word.partition("=")[::2] for word in words)
    if not {"tls", "iam", "accesspoint"} <= set(options):
        print("mount.efs: the lab plays it with tls, iam and accesspoint alone", file=sys.stderr)
        return 1
    file_system, point = source.partition(":")[0], options["accesspoint"]
    try:
        token, region = token_for(file_system)
        with socket.create_connection((f"{file_system}.efs.{region}.amazonaws.com", 2049), timeout=10) as target:
            target.sendall(json.dumps({"point": point, "token": token}).encode())
            target.shutdown(socket.SHUT_WR)
            may = json.loads(target.recv(4096) or b"{}").get("may", [])
    except OSError as error:
        print(f"mount.nfs4: Connection to {file_system} failed: {error}", file=sys.stderr)
        return 32
    if not may:
        print("mount.nfs4: access denied by server while mounting 127.0.0.1:/", file=sys.stderr)
        return 32
    binds = [["--bind", os.path.join("/dev/disk/efs", point), place]]
    if "ClientWrite" not in may:
        binds.append(["-o", "remount,bind,ro", place])
    return max(subprocess.run(["/usr/host-bin/mount", *how]).returncode for how in binds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
