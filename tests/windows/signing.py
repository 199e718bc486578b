"""Authenticode signatures by osslsigncode, under a made-up chain: root, intermediate, one leaf for each signer.

Without a time stamp a signature comes out the same each time. A time stamp (RFC 3161) does not: its response holds a number
drawn when it is made. Such files are kept in the folder of keys, and truth.json gives no digest of them.
"""

import hashlib
import subprocess
import tempfile
from pathlib import Path

import keys

AUTHORITY = [("C", "US"), ("O", "Ostrakon tests"), ("CN", "Ostrakon test root, trusted by nobody")]
INTERMEDIATE = [("C", "US"), ("O", "Ostrakon tests"), ("CN", "Ostrakon test code signing")]
STAMPER = [("C", "US"), ("O", "Ostrakon tests"), ("CN", "Ostrakon test time stamping")]

# The vendor's as its subject was seen in 2025, but for the issuer; the others are nobody.
SIGNERS = {
    "kaspersky": [
        ("jurisdictionC", "RU"), ("businessCategory", "Private Organization"), ("serialNumber", "1027739867473"),
        ("C", "RU"), ("L", "Moscow"), ("O", "AO Kaspersky Lab"), ("CN", "AO Kaspersky Lab"),
    ],
    "windows": [("C", "US"), ("O", "Contoso Windows Corporation"), ("CN", "Contoso Windows")],
    "trading": [("C", "US"), ("O", "Example Trading Ltd"), ("CN", "Example Trading Ltd")],
    "avid": [("C", "US"), ("O", "Avid Technology, Inc."), ("CN", "Avid Technology, Inc.")],
}  # fmt: skip


class Signing:
    """Keys and certificates of one seed in `folder`; signs programs and MSI packages."""

    def __init__(self, folder, seed):
        self.folder, self.seed = Path(folder), seed
        self.made = self.folder / "made"
        self.made.mkdir(parents=True, exist_ok=True)
        self.root = self.holder("root", AUTHORITY, usage=keys.SIGN_CERTIFICATES, authority=True)
        self.middle = self.holder("middle", INTERMEDIATE, self.root, usage=keys.SIGN_CERTIFICATES, authority=True)
        self.holder("stamper", STAMPER, self.root, purpose=keys.TIME_STAMPING)
        self.leaves = {
            label: self.holder(label, subject, self.middle, purpose=keys.CODE_SIGNING)
            for label, subject in SIGNERS.items()
        }
        for label in SIGNERS:
            chain = "".join(self.path(part, "pem").read_text() for part in (label, "middle"))
            self.path(label, "chain").write_text(chain)

    def path(self, label, ending):
        return self.folder / f"{self.seed}-{label}.{ending}"

    def key(self, label):
        """The key of `label`: its primes are kept, since finding them is slow."""
        kept = self.path(label, "primes")
        if not kept.exists():
            key = keys.make_key(f"{self.seed}/{label}")
            kept.write_text(f"{key.p:x} {key.q:x}\n")
        return keys.Key(*(int(prime, 16) for prime in kept.read_text().split()))

    def holder(self, label, subject, issuer=None, **more):
        """Key and certificate of `label`, written for osslsigncode."""
        holder = keys.certify(f"{self.seed}/{label}", subject, self.key(label), issuer, **more)
        self.path(label, "pem").write_text(keys.pem("CERTIFICATE", holder.certificate))
        self.path(label, "key").write_text(keys.pem("RSA PRIVATE KEY", holder.key.private()))
        return holder

    def kept(self, what, make):
        """What `make()` gave when it was called for `what` the first time."""
        file = self.made / hashlib.sha256(repr(what).encode()).hexdigest()
        if not file.exists():
            part = file.with_suffix(".part")
            part.write_bytes(make())
            part.replace(file)
        return file.read_bytes()

    def sign(self, data, label, when, ending=".exe", stamped=False, nested=False):
        """`data` signed by `label` at `when`. `nested`: first with SHA-1, then a second signature with SHA-256."""
        what = (hashlib.sha256(data).digest(), self.leaves[label].sha256, when, ending, stamped, nested)
        return self.kept(what, lambda: self.signed(data, label, when, ending, stamped, nested))

    def signed(self, data, label, when, ending, stamped, nested):
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder, "before" + ending), Path(folder, "after" + ending)
            before.write_bytes(data)
            for digest in ("sha1", "sha256") if nested else ("sha256",):
                second = nested and digest == "sha256"
                self.run(before, after, label, when, digest, stamped, second)
                after.replace(before)
            return before.read_bytes()

    def run(self, before, after, label, when, digest, stamped, second):
        command = ["osslsigncode", "sign", "-certs", self.path(label, "chain"), "-key", self.path(label, "key")]
        command += ["-h", digest, "-time", str(when), "-n", "Ostrakon test file"]
        command += ["-nest"] if second else []
        if stamped:
            command += ["-TSA-certs", self.path("stamper", "pem"), "-TSA-key", self.path("stamper", "key")]
            command += ["-TSA-time", str(when)]
        command += ["-in", before, "-out", after]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def described(self):
        """The signers for truth.json."""
        return {
            label: {
                "subject": [list(pair) for pair in leaf.subject],
                "issuer": dict(INTERMEDIATE)["CN"],
                "sha1": leaf.sha1,
                "sha256": leaf.sha256,
            }
            for label, leaf in self.leaves.items()
        }
