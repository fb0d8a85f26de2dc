"""Who signs the databases' certificates: the lab's own authority, for nobody but RDS can have one signed by RDS's."""

from __future__ import annotations

import datetime
import os
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CA_FILE = "rds-lab-ca.pem"
CA_VARIABLE = "UNDERSTUDY_DATABASE_CA"  # how a node is told of it; on AWS nobody sets it
_DAYS = 7  # no lab lives longer
_SIGNING = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


def certificate_of(lab_dir: Path) -> str | None:
    """The authority's certificate in PEM; None while no database was made."""
    path = lab_dir / "rds" / CA_FILE
    return path.read_text() if path.exists() else None


@cache
def authority(lab_dir: Path) -> Authority:
    """The lab's one; made when it is first asked for."""
    return Authority(lab_dir)


class Authority:
    def __init__(self, lab_dir: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lab RDS Root CA")])
        made = self._begun(self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        # As RDS's own roots have it. Python from 3.13 on refuses an authority without the first two, and what it signs without the third:
        # https://docs.python.org/3/library/ssl.html#ssl.create_default_context (VERIFY_X509_STRICT)
        made = made.add_extension(_SIGNING, critical=True).add_extension(self._identifier, critical=False)
        self.certificate = made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        (lab_dir / "rds").mkdir(exist_ok=True)
        (lab_dir / "rds" / CA_FILE).write_text(self.certificate)

    def issue(self, host: str, folder: Path) -> None:
        """server.crt and server.key for a host name, the key for its owner alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        made = self._begun(subject, key).add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier)
        made = made.add_extension(signer, critical=False)
        (folder / "server.crt").write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with open(os.open(folder / "server.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(plain)

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=_DAYS))
        )
