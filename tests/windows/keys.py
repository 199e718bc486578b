"""Made-up signers: RSA keys drawn from a seed and X.509 certificates, so that the same seed gives the same bytes.

Nobody trusts them, and the keys are worthless: whoever has the seed has them. Formats: RFC 5280 (certificates), RFC 8017
(keys and signatures), CA/Browser Forum's guidelines for EV code signing (serialNumber and jurisdiction in the subject).
"""

import base64
import hashlib
import random
from dataclasses import dataclass

BITS = 2048
EXPONENT = 65537
NAMES = {
    "C": "2.5.4.6", "ST": "2.5.4.8", "L": "2.5.4.7", "O": "2.5.4.10", "CN": "2.5.4.3", "serialNumber": "2.5.4.5",
    "businessCategory": "2.5.4.15", "jurisdictionC": "1.3.6.1.4.1.311.60.2.1.3",
}  # fmt: skip
PRINTABLE = {"C", "serialNumber", "jurisdictionC"}
RSA, SHA256_RSA, SHA256 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "2.16.840.1.101.3.4.2.1"
CODE_SIGNING, TIME_STAMPING = "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.8"
SIGN, SIGN_CERTIFICATES = b"\x07\x80", b"\x01\x06"  # key usage: unused bits, bits


# --- DER
def tlv(tag, *content):
    body = b"".join(content)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*content):
    return tlv(0x30, *content)


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytearray([first * 40 + second])
    for part in rest:
        septets = [part & 0x7F]
        while part := part >> 7:
            septets.append(part & 0x7F | 0x80)
        out += bytes(reversed(septets))
    return tlv(6, bytes(out))


def name(subject):
    """A distinguished name from (type, text) pairs."""
    parts = []
    for kind, text in subject:
        tag = 0x13 if kind in PRINTABLE else 0x0C
        parts.append(tlv(0x31, sequence(oid(NAMES[kind]), tlv(tag, text.encode()))))
    return sequence(*parts)


def algorithm(which):
    return sequence(oid(which), tlv(5))


# --- RSA
def small_primes(limit):
    sieve = bytearray([1]) * limit
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number in range(3, limit) if sieve[number]]


SMALL = small_primes(8000)


def is_prime(number, rng):
    """Miller and Rabin's test, after division by small primes."""
    if any(number % prime == 0 for prime in SMALL):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for round_ in range(8):
        value = pow(rng.randrange(2, number - 1) if round_ else 2, odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


@dataclass
class Key:
    """An RSA key."""

    p: int
    q: int

    def __post_init__(self):
        self.n = self.p * self.q
        self.d = pow(EXPONENT, -1, (self.p - 1) * (self.q - 1))

    def public(self):
        return sequence(algorithm(RSA), tlv(3, b"\0", sequence(integer(self.n), integer(EXPONENT))))

    def identifier(self):
        return hashlib.sha1(sequence(integer(self.n), integer(EXPONENT))).digest()

    def private(self):
        """PKCS #1, DER."""
        p, q, d = self.p, self.q, self.d
        numbers = (0, self.n, EXPONENT, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
        return sequence(*map(integer, numbers))

    def sign(self, data):
        """A signature with SHA-256 and padding of PKCS #1 v1.5."""
        digest = sequence(algorithm(SHA256), tlv(4, hashlib.sha256(data).digest()))
        size = BITS // 8
        padded = b"\0\1" + b"\xff" * (size - 3 - len(digest)) + b"\0" + digest
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(size, "big")


def make_key(seed):
    """The key that belongs to `seed`."""
    rng = random.Random(seed)

    def prime():
        while True:
            number = rng.getrandbits(BITS // 2) | 3 << BITS // 2 - 2 | 1
            if number % EXPONENT != 1 and is_prime(number, rng):
                return number

    return Key(prime(), prime())


# --- certificates
@dataclass
class Holder:
    """A key with its certificate."""

    subject: list
    key: Key
    certificate: bytes

    @property
    def sha1(self):
        return hashlib.sha1(self.certificate).hexdigest()

    @property
    def sha256(self):
        return hashlib.sha256(self.certificate).hexdigest()


def extension(which, value, critical=False):
    flag = tlv(1, b"\xff") if critical else b""
    return sequence(oid(which), flag, tlv(4, value))


def certify(label, subject, key, issuer=None, usage=SIGN, purpose=None, authority=False):
    """A certificate of `subject`; its serial number is drawn from `label`. `issuer` is a Holder, None signs itself."""
    signer = issuer.key if issuer else key
    extensions = [
        extension("2.5.29.19", sequence(tlv(1, b"\xff") if authority else b""), True),
        extension("2.5.29.15", tlv(3, usage), True),
        extension("2.5.29.14", tlv(4, key.identifier())),
        extension("2.5.29.35", sequence(tlv(0x80, signer.identifier()))),
    ]
    if purpose:
        extensions.append(extension("2.5.29.37", sequence(oid(purpose)), purpose == TIME_STAMPING))
    serial = int.from_bytes(hashlib.sha256(label.encode()).digest()[:16], "big") >> 1
    times = sequence(tlv(0x17, b"190101000000Z"), tlv(0x17, b"391231235959Z"))
    body = sequence(
        tlv(0xA0, integer(2)), integer(serial), algorithm(SHA256_RSA), name(issuer.subject if issuer else subject),
        times, name(subject), key.public(), tlv(0xA3, sequence(*extensions)),
    )  # fmt: skip
    return Holder(subject, key, sequence(body, algorithm(SHA256_RSA), tlv(3, b"\0", signer.sign(body))))


def pem(kind, der):
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"
