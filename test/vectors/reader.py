#!/usr/bin/env python3
"""A reader of editions, written from docs/format.md alone, in Python's standard library.

    python3 reader.py EDITION_DIR --epoch-key HEX [--head-key K --edition-key K --overlay-key K]
                      [--now MS] [--lowest-sequence N] [--lowest-permit MS] [--state CODE] < keys > answers

Reads one canonical key a line; writes one JSON object a line, in order:

    {"key": "PUTOL898902C3", "verdict": "candidate", "category": 4}

The verdict is absent, candidate or unknown; category is null unless it is a candidate; a candidate
whose withdrawal is on its way has "withdrawn": true. An edition that cannot be answered from makes
every answer unknown, the reason goes to stderr, and the exit code is 1. Public keys K are base64url;
the signatures of a role without key are not checked, which is said on stderr. MS (milliseconds since
1970) replaces the clock. N is the highest sequence seen before, and the permit's MS the newest time of
a permit. CODE is the state of whoever asks: without it, every state that restricts anybody is unknown.
"""

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
import time
from pathlib import Path

U32 = 0xFFFFFFFF
U64 = 0xFFFFFFFFFFFFFFFF
PAGE_KEYS_MAX = 65536
RESTRICTIONS_MAX = 65536
FUTURE_MS = 60_000
START_MS = 1767225600000  # 2026-01-01T00:00:00Z
KEY = re.compile(r"[PIVO](?:[A-Z]{3}|[A-Z]{2}<|[A-Z]<<)[A-Z0-9]{1,32}")
STATE = re.compile(rb"(?:[A-Z]{3}|[A-Z]{2}<|[A-Z]<<)\0")
COLLECTION = re.compile(rb"[A-Za-z0-9-]{1,24}\0*")


class Refused(Exception):
    """The bytes are not what the document allows; the text says where."""


def need(condition, where):
    if not condition:
        raise Refused(where)


def mulhi(a, b):
    return (a * b) >> 32


def mullo(a, b):
    return (a * b) & U32


# Section 3: digest


def siphash128(key, data):
    """SipHash-2-4 with 128-bit output, of Aumasson and Bernstein."""
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(count, v0, v1, v2, v3):
        for _ in range(count):
            v0 = (v0 + v1) & U64
            v1 = ((v1 << 13) & U64 | v1 >> 51) ^ v0
            v0 = (v0 << 32) & U64 | v0 >> 32
            v2 = (v2 + v3) & U64
            v3 = ((v3 << 16) & U64 | v3 >> 48) ^ v2
            v0 = (v0 + v3) & U64
            v3 = ((v3 << 21) & U64 | v3 >> 43) ^ v0
            v2 = (v2 + v1) & U64
            v1 = ((v1 << 17) & U64 | v1 >> 47) ^ v2
            v2 = (v2 << 32) & U64 | v2 >> 32
        return v0, v1, v2, v3

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v0, v1, v2, v3 = rounds(2, v0, v1, v2, v3 ^ word)
        v0 ^= word
    v0, v1, v2, v3 = rounds(4, v0, v1, v2 ^ 0xEE, v3)
    low = v0 ^ v1 ^ v2 ^ v3
    v0, v1, v2, v3 = rounds(4, v0, v1 ^ 0xDD, v2, v3)
    return struct.pack("<QQ", low, v0 ^ v1 ^ v2 ^ v3)


STANDS_FOR = str.maketrans("6DGOQUILZBS5P", "000000112888F")


def digest_of(epoch_key, key):
    group = key[1:].translate(STANDS_FOR)
    whole, grouped = (siphash128(epoch_key, text.encode()) for text in (key, group))
    return whole[:12] + grouped[12:]


def epoch_key_id(key):
    return hashlib.sha256(b"sltd-epoch-key" + key).digest()[:16]


# Section 8: signature. Ed25519 verification after RFC 8032, section 5.1.7, in whole numbers.

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, -1, FIELD) % FIELD


def decode_point(data):
    """x, y, z, xy of a point; None if the 32 bytes are not one."""
    value = int.from_bytes(data, "little")
    sign, y = value >> 255, value & (2**255 - 1)
    if y >= FIELD:
        return None
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if (x * x - square) % FIELD:
        x = x * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    if (x * x - square) % FIELD or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = FIELD - x
    return x, y, 1, x * y % FIELD


def add_points(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % FIELD
    b = (p[1] + p[0]) * (q[1] + q[0]) % FIELD
    c = 2 * p[3] * q[3] * CURVE_D % FIELD
    d = 2 * p[2] * q[2] % FIELD
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def multiply_point(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add_points(total, point)
        point = add_points(point, point)
        scalar >>= 1
    return total


BASE = decode_point((4 * pow(5, -1, FIELD) % FIELD).to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    a, r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little")
    left = multiply_point(s, BASE)
    right = add_points(r, multiply_point(h % ORDER, a))
    return all((left[i] * right[2] - right[i] * left[2]) % FIELD == 0 for i in (0, 1))


def check_signature(data, public_keys, where):
    if not public_keys:
        return
    for public in public_keys:
        if hashlib.sha256(public).digest()[:16] == data[-80:-64]:
            need(ed25519_verify(public, data[:-64], data[-64:]), f"{where}: signature")
            return
    raise Refused(f"{where}: key id")


# Sections 1, 2: what all objects share


def check_start(data, magic, length_min):
    need(len(data) >= length_min, f"{magic}: too short")
    need(data[:8] == magic.encode(), f"{magic}: magic")
    need(data[8:12] == b"\2\0\0\0", f"{magic}: version")
    need(u32(data, 12) == len(data), f"{magic}: length")


def u32(data, offset):
    return int.from_bytes(data[offset : offset + 4], "little")


def u53(data, offset):
    value = int.from_bytes(data[offset : offset + 8], "little")
    need(value < 2**53, "number of 2^53 or above")
    return value


def read_state(data, offset):
    field = data[offset : offset + 4]
    need(STATE.fullmatch(field), "state")
    return field[:3].decode()


def read_collection(data, offset):
    field = data[offset : offset + 24]
    need(COLLECTION.fullmatch(field), "collection")
    return field.rstrip(b"\0").decode()


def read_object(directory, folder, sha256, length):
    data = (directory / folder / sha256.hex()).read_bytes()
    need(len(data) == length, f"{folder}: length is not the one named")
    need(hashlib.sha256(data).digest() == sha256, f"{folder}: hash is not the one named")
    return data


# Sections 9 to 11: the objects that are signed


class Permit:
    def __init__(self, data):
        check_start(data, "SLTDPRMT", 176)
        need(len(data) == 176 and not any(data[92:96]), "permit: length or reserved")
        self.data = data
        self.issued_at, self.not_after = u53(data, 16), u53(data, 24)
        self.collection = read_collection(data, 32)
        self.manifest_sha256, self.manifest_length = data[56:88], u32(data, 88)
        need(self.manifest_length >= 208, "permit: manifest length")


class Head:
    def __init__(self, data):
        check_start(data, "SLTDHEAD", 384)
        need(len(data) == 384, "head: length")
        need(not any(data[52:56] + data[96:128]), "head: reserved")
        self.sequence, self.issued_at, self.not_after, self.as_of = (
            u53(data, at) for at in (16, 24, 32, 40)
        )
        self.overlay_length, self.overlay_sha256 = u32(data, 48), data[56:88]
        self.reported_until = u53(data, 88)
        if self.overlay_length:
            need(self.overlay_length >= 208, "head: overlay length")
        else:
            need(not any(self.overlay_sha256), "head: overlay hash without overlay")
        self.permit = Permit(data[128:304])
        need(self.not_after <= self.permit.not_after, "head: outlasts its permit")


class Manifest:
    def __init__(self, data):
        check_start(data, "SLTDMANI", 208)
        self.data = data
        self.epoch_key_id = data[16:32]
        state_count, shard_count = u32(data, 40), u32(data, 44)
        self.collection = read_collection(data, 56)
        self.shards = 128 + 32 * state_count
        restrictions, restriction_count = self.shards + 96 * shard_count, u32(data, 112)
        need(len(data) == restrictions + 8 * restriction_count + 80, "manifest: length")
        need(restriction_count <= RESTRICTIONS_MAX, "manifest: too many restrictions")
        need(not any(data[116:128]), "manifest: reserved")
        self.as_of = u53(data, 32)
        self.complete_until = self.as_of
        self.states = {}
        first_shard, records, before = 0, 0, ""
        for row in range(128, self.shards, 32):
            state, count = read_state(data, row), u32(data, row + 12)
            need(state > before, "manifest: order of states")
            need(data[row + 4] <= 2 and count >= 1, "manifest: coverage or shard count")
            need(not any(data[row + 5 : row + 8] + data[row + 28 : row + 32]), "manifest: reserved")
            need(u32(data, row + 8) == first_shard, "manifest: first shard")
            self.complete_until = min(self.complete_until, u53(data, row + 16))
            self.states[state] = (first_shard, count)
            first_shard, records, before = first_shard + count, records + u32(data, row + 24), state
        need(first_shard == shard_count and records == u53(data, 48), "manifest: sums")
        for at in range(self.shards, self.shards + 96 * shard_count, 48):
            unit = 64 if (at - self.shards) % 96 == 0 else 8
            length = u32(data, at + 40)
            need(length >= 64 and length % unit == 0, "manifest: page length")
            need(u32(data, at + 44) == 0, "manifest: reserved")
        self.excluded, before = {}, b""
        for row in range(restrictions, len(data) - 80, 8):
            source, excluded = read_state(data, row), read_state(data, row + 4)
            need(data[row : row + 8] > before, "manifest: order of restrictions")
            need(source != excluded and source in self.states, "manifest: restriction")
            self.excluded.setdefault(source, set()).add(excluded)
            before = data[row : row + 8]

    def excludes(self, source, caller):
        others = self.excluded.get(source)
        return others is not None and (caller is None or caller in others)

    def reference(self, kind, row):
        at = self.shards + 96 * row + (0 if kind == "SLTDFILT" else 48)
        return self.data[at : at + 32], u32(self.data, at + 40)


class Overlay:
    def __init__(self, data):
        check_start(data, "SLTDOVRL", 208)
        self.epoch_key_id, self.collection = data[16:32], read_collection(data, 32)
        count, self.base_length, self.base_sha256 = u32(data, 56), u32(data, 60), data[64:96]
        need(len(data) == 208 + 20 * count and not any(data[120:128]), "overlay: length, reserved")
        if self.base_length:
            need(self.base_length >= 208, "overlay: base length")
        else:
            need(not any(self.base_sha256), "overlay: base hash without base")
        self.start, self.as_of, self.last_operation = (u53(data, at) for at in (96, 104, 112))
        need(self.start <= self.as_of, "overlay: ends before it begins")
        self.operations = {}
        before = b""
        for row in range(128, 128 + 20 * count, 20):
            digest, kind, category = data[row : row + 16], data[row + 16], data[row + 17]
            need(digest > before, "overlay: order")
            need(kind in (1, 2, 3) and category <= (0 if kind == 2 else 15), "overlay: kind, category")
            need(not any(data[row + 18 : row + 20]), "overlay: reserved")
            self.operations[digest] = (kind, category)
            before = digest

    def stands_on(self, base):
        need(not base.base_length, "overlay: base of a base")
        need(
            (base.epoch_key_id, base.collection, base.start)
            == (self.epoch_key_id, self.collection, self.start),
            "overlay: base of another kind",
        )
        need(base.as_of <= self.as_of, "overlay: base is newer")
        need(base.last_operation <= self.last_operation, "overlay: base is newer")
        self.operations = {**base.operations, **self.operations}


# Sections 5 to 7: pages


class Page:
    def __init__(self, data, magic, state, shard_index, shard_count, key_id):
        check_start(data, magic, 64)
        need(not any(data[56:64]), "page: reserved")
        need(read_state(data, 16) == state, "page: state")
        need((u32(data, 20), u32(data, 24)) == (shard_index, shard_count), "page: shard")
        need(data[40:56] == key_id, "page: epoch key")
        self.data = data
        self.keys, self.table, self.parameter = (u32(data, at) for at in (28, 32, 36))
        need(self.keys <= PAGE_KEYS_MAX and self.table <= PAGE_KEYS_MAX, "page: counts")
        need((self.keys == 0) == (self.table == 0), "page: counts")


class FilterPage(Page):
    def __init__(self, data, *row):
        super().__init__(data, "SLTDFILT", *row)
        need(1 <= self.parameter <= 16, "filter page: probes")
        need(len(data) == 64 + 64 * self.table, "filter page: length")

    def maybe(self, digest):
        if self.keys == 0:
            return False
        block, h = 64 + 64 * mulhi(digest[1], self.table), digest[2]
        for _ in range(self.parameter):
            bit = h >> 23
            if not self.data[block + (bit >> 3)] >> (bit & 7) & 1:
                return False
            h = mullo(h, 0x9E3779B1)
        return True


class MatchPage(Page):
    def __init__(self, data, *row):
        super().__init__(data, "SLTDMTCH", *row)
        if self.keys == 0:
            need(len(data) == 64 and self.parameter == 0, "match page: not empty")
            return
        need(self.table <= self.keys, "match page: buckets")
        self.slots = 64 + (self.table + 7) // 8 * 8
        half_bytes = 9 * self.keys
        slots_end = self.slots + (half_bytes + 1) // 2
        section = (slots_end - self.slots + 4 + 7) // 8 * 8
        need(len(data) == self.slots + section, "match page: length")
        need(not any(data[64 + self.table : self.slots] + data[slots_end:]), "match page: padding")
        need(half_bytes % 2 == 0 or data[slots_end - 1] < 16, "match page: padding")

    def category(self, digest):
        """Category of a candidate, None if absent."""
        if self.keys == 0:
            return None
        u = mullo(digest[1] ^ self.parameter, 0x9E3779B1)
        a = self.table >> 1
        c = mulhi(0x99999999, a)
        b = (5 * (self.table - c)) >> 1
        bucket = mulhi(u, a) if u < 0x99999999 else c + mulhi(u - 0x99999999, b)
        pilot = self.data[64 + bucket]
        m = (0x9E3779B1 + (pilot >> 4) * 0x7F4A7C16) & U32
        slot = (mulhi(mullo(digest[2] ^ self.parameter, m), self.keys) + (pilot & 15)) % self.keys
        at = self.slots + 9 * slot // 2
        w = int.from_bytes(self.data[at : at + 8], "little") >> (4 if slot & 1 else 0)
        return w >> 32 & 15 if w & U32 == digest[0] else None


# Section 12: how a reader answers


class Edition:
    def __init__(self, options):
        self.directory, self.epoch_key = Path(options.edition), bytes.fromhex(options.epoch_key)
        self.caller = options.state
        need(len(self.epoch_key) == 16, "epoch key: not 16 bytes")
        data = (self.directory / "head").read_bytes()
        check_signature(data, options.head_key, "head")
        head = Head(data)
        permit = head.permit
        check_signature(permit.data, options.edition_key, "permit")
        need(options.now < head.not_after, "head: expired")
        latest = max(head.issued_at, permit.issued_at, head.as_of, head.reported_until)
        need(latest <= options.now + FUTURE_MS, "head: from the future")
        need(head.sequence <= (head.issued_at - START_MS) // 1000, "head: sequence too high")
        need(head.sequence >= options.lowest_sequence, "head: older than one seen before")
        need(permit.issued_at >= options.lowest_permit, "permit: older than one seen before")

        sha256, length = permit.manifest_sha256, permit.manifest_length
        data = read_object(self.directory, "manifests", sha256, length)
        check_signature(data, options.edition_key, "manifest")
        self.manifest = Manifest(data)
        need(self.manifest.collection == permit.collection, "manifest: collection")
        self.key_id = epoch_key_id(self.epoch_key)
        need(self.manifest.epoch_key_id == self.key_id, "manifest: epoch key")

        self.operations = {}
        as_of, complete_until = self.manifest.as_of, self.manifest.complete_until
        if head.overlay_length:
            overlay = self.overlay(options, head.overlay_sha256, head.overlay_length)
            need(overlay.collection == permit.collection, "overlay: collection")
            need(overlay.epoch_key_id == self.key_id, "overlay: epoch key")
            need(overlay.start <= self.manifest.as_of, "overlay: begins after the edition")
            if overlay.base_length:
                base = self.overlay(options, overlay.base_sha256, overlay.base_length)
                overlay.stands_on(base)
            self.operations = overlay.operations
            as_of, complete_until = max(as_of, overlay.as_of), max(complete_until, overlay.as_of)
        need(head.as_of == as_of, "head: not the time of its data")
        need(complete_until >= head.reported_until, "head: waits for an overlay")
        self.pages = {}

    def overlay(self, options, sha256, length):
        data = read_object(self.directory, "overlays", sha256, length)
        check_signature(data, options.overlay_key, "overlay")
        return Overlay(data)

    def page(self, kind, magic, state, shard):
        """A page, checked once; Refused or OSError if it is not what the manifest names."""
        known = self.pages.get((magic, state, shard))
        if known is None:
            first_shard, shard_count = self.manifest.states[state]
            reference = self.manifest.reference(magic, first_shard + shard)
            data = read_object(self.directory, "pages", *reference)
            known = kind(data, state, shard, shard_count, self.key_id)
            self.pages[magic, state, shard] = known
        return known

    def answer(self, key):
        """Verdict, category and whether a withdrawal is on its way."""
        if not KEY.fullmatch(key):
            return "unknown", None, False
        if self.manifest.excludes(key[1:4], self.caller):
            return "unknown", None, False
        data = digest_of(self.epoch_key, key)
        kind, category = self.operations.get(data, (0, 0))
        if kind in (1, 3):
            return "candidate", meaning(category), kind == 3
        state = key[1:4]
        if state not in self.manifest.states:
            return "unknown", None, False
        digest = struct.unpack("<IIII", data)
        shard_count = self.manifest.states[state][1]
        shard = mulhi(digest[3], shard_count)
        try:
            if not self.page(FilterPage, "SLTDFILT", state, shard).maybe(digest):
                return "absent", None, False
            category = self.page(MatchPage, "SLTDMTCH", state, shard).category(digest)
        except (Refused, OSError) as failure:
            print(f"page {state} {shard}: {failure}", file=sys.stderr)
            return "unknown", None, False
        if category is None:
            return "absent", None, False
        return "candidate", meaning(category), kind == 2


def meaning(category):
    return category if category <= 5 else 0


def public_keys(text):
    keys = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(",")]
    if any(len(key) != 32 for key in keys):
        raise argparse.ArgumentTypeError("a public key has 32 bytes")
    return keys


def parse_arguments():
    parser = argparse.ArgumentParser(description="Answer canonical keys from an edition directory.")
    parser.add_argument("edition")
    parser.add_argument("--epoch-key", required=True, metavar="HEX")
    for role in ("head", "edition", "overlay"):
        parser.add_argument(f"--{role}-key", type=public_keys, default=[], metavar="BASE64URL")
    parser.add_argument("--now", type=int, default=int(time.time() * 1000), metavar="MS")
    parser.add_argument("--lowest-sequence", type=int, default=0, metavar="N")
    parser.add_argument("--lowest-permit", type=int, default=0, metavar="MS")
    parser.add_argument("--state", type=lambda code: code.ljust(3, "<"), metavar="CODE")
    return parser.parse_args()


def main():
    options = parse_arguments()
    for role in ("head", "edition", "overlay"):
        if not getattr(options, f"{role}_key"):
            print(f"signatures of role {role} are not checked: no key given", file=sys.stderr)
    edition = None
    try:
        edition = Edition(options)
    except (Refused, OSError, ValueError) as failure:
        print(f"no edition to answer from: {failure}", file=sys.stderr)
    for line in sys.stdin:
        key = line.rstrip("\r\n")
        verdict, category, withdrawn = edition.answer(key) if edition else ("unknown", None, False)
        answer = {"key": key, "verdict": verdict, "category": category}
        if withdrawn:
            answer["withdrawn"] = True
        print(json.dumps(answer))
    return 0 if edition else 1


if __name__ == "__main__":
    sys.exit(main())
