#!/usr/bin/env python3
"""Reads a kup journal as docs/JOURNAL_FORMAT.md describes it, with nothing but Python's standard library.

An independent reader: it shares no code with kup, so that the document is known to be enough. It checks every frame,
the chain and every payload, prints one JSON object a line, and ends with 0 for a journal that is whole, 3 for one with a
torn end (which is named on stderr), 4 for a damaged one. usage: read_journal.py JOURNAL [RUN]
"""
import hashlib
import json
import struct
import sys

HEADER = struct.Struct("<4sBBHH16sQQqQ32sII")
MAGIC = b"\x89KUP"
MAX_PAYLOAD = 4194304

TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Damaged(Exception):
    """A frame that does not fit, with the offset where it begins."""


class Choice(list):
    """The variants of a choice: names with their fields."""


# The payloads, written as the tables of the document are. A list is `[T]`, what may be absent `("?", T)`, two of
# a kind `("pair", T)`; a dict is a struct.
CLUSTER = {"uid": "text", "ca_sha256": "text", "endpoint": "text"}
MACHINE = {"name": "text", "uid": "text", "machine_id": "text", "host_key": "text", "address": "text"}
REACH = {"kind": "text", "cluster": "text", "context": "text", "ssh_user": "text", "ssh_identity": "text",
         "ssh_options": ["text"], "ssh_address": "text", "local_node": "text"}
BACKUP = {"what": "text", "blob": "text", "size": "uint"}
PAIR = ("pair", "text")
ERROR_CLASS = Choice([("Transient", {}), ("Permanent", {}), ("Unclear", {})])
ERROR = {"class": ERROR_CLASS, "message": "text", "causes": ["text"]}
POLICY = {"max_attempts": "uint", "timeout_ms": "uint", "backoff_ms": "uint"}
STEP = {"id": "text", "activity": "text", "version": "uint", "title": "text", "params": "map", "policy": POLICY,
        "undo_of": ("?", "text")}
STAGE = {"target": "text", "skippable": "bool", "steps": [STEP]}
WAVE = {"name": "text", "hop": "uint", "max_parallel": "uint", "stages": [STAGE]}
GATE = {"gate": "text", "version": "uint", "params": "map"}
PLAN = {"from": "text", "to": "text", "gates": [GATE], "waves": [WAVE]}
ADVICE = {"evidence": "text", "remedy": "text"}
VERDICT = Choice([("Pass", {"evidence": "text"}), ("Warn", ADVICE), ("Block", ADVICE)])
FOUND = Choice([("Before", {"what": "text"}), ("Between", {"what": "text", "repairable": "bool"}), ("After", {"what": "text"}),
         ("Foreign", {"what": "text"})])
SETTLEMENT = Choice([("NotStarted", {}), ("Running", {}), ("Ended", {}), ("Lost", {"what": "text"}), ("Untraceable", {})])
RESULT = Choice([("Succeeded", {"summary": "text"}), ("Failed", {"error": ERROR})])
DOING = Choice([("Observe", {}), ("Prepare", {}), ("Settle", {}), ("Execute", {}), ("Verify", {})])
REASON = Choice([("Interrupted", {}), ("Blocked", {"steps": ["text"]}), ("Reached", {"wave": "text"}), ("Gate", {"gate": "text"})])
DECISION = Choice([("Retry", {}), ("Accept", {})])
OUTCOME = Choice([("Succeeded", {}), ("RolledBack", {}), ("Abandoned", {})])
WHO = {"operator": "text", "reason": "text"}
EVENTS = {
    1: ("RunStarted", {"kup_version": "text", "operator": "text", "cluster": CLUSTER, "machines": [MACHINE], "reach": REACH,
                       "until": ("?", "text"), "plan": PLAN}),
    2: ("RunResumed", {"kup_version": "text", **WHO}),
    3: ("GateChecked", {"gate": "text", "verdict": VERDICT}),
    4: ("StepObserved", {"step": "text", "found": FOUND}),
    5: ("StepPrepared", {"step": "text", "notes": [PAIR], "backups": [BACKUP]}),
    6: ("AttemptStarted", {"step": "text", "attempt": "uint", "deadline": "int"}),
    7: ("AttemptSettled", {"step": "text", "attempt": "uint", "settlement": SETTLEMENT}),
    8: ("AttemptEnded", {"step": "text", "attempt": "uint", "result": RESULT, "output": ("?", "text"), "adopted": "bool"}),
    9: ("RetryScheduled", {"step": "text", "doing": DOING, "at": "int", "error": ERROR}),
    10: ("StepCompleted", {"step": "text", "evidence": "text", "left": [PAIR]}),
    11: ("StepSkipped", {"step": "text", "reason": "text"}),
    12: ("StepBlocked", {"step": "text", "error": ERROR}),
    13: ("RunPaused", {"reason": REASON}),
    14: ("OperatorDecided", {"step": "text", "decision": DECISION, **WHO}),
    15: ("RollbackStarted", {**WHO, "plan": PLAN}),
    16: ("RunFinished", {"outcome": OUTCOME, "reason": "text"}),
    17: ("GateIgnored", {"gate": "text", "code": "text", "operator": "text", "evidence": "text"}),
    19: ("RollbackLimited", {"until": ("?", "text"), "operator": "text"}),
    20: ("UndoPlanned", {"step": "text", "undo": STEP}),
    18: ("RunCommitted", {"operator": "text", "reason": "text"}),
    21: ("BackupsFreed", {"operator": "text", "reason": "text"}),
    22: ("BackupsGuarded", {"recipients": ["text"], "stay_on_nodes": "bool"}),
}


class Payload:
    """Takes values from the front of a payload."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Damaged("its payload ends too early")
        self.at += n
        return self.data[self.at - n:self.at]

    def varint(self):
        first = self.take(1)[0]
        if first < 251:
            return first
        size = {251: 2, 252: 4, 253: 8}.get(first)
        if size is None:
            raise Damaged(f"{first} begins no number")
        return int.from_bytes(self.take(size), "little")

    def text(self):
        return self.take(self.varint()).decode("utf-8")

    def bool(self):
        byte = self.take(1)[0]
        if byte > 1:
            raise Damaged(f"{byte} is neither yes nor no")
        return byte == 1

    def choice(self, variants):
        number = self.varint()
        if number >= len(variants):
            raise Damaged(f"there is no variant {number}")
        name, fields = variants[number]
        return {name: self.value(fields)} if fields else name

    def value(self, kind):
        if kind == "text":
            return self.text()
        if kind == "uint":
            return self.varint()
        if kind == "int":
            zigzag = self.varint()
            return zigzag >> 1 ^ -(zigzag & 1)
        if kind == "bool":
            return self.bool()
        if kind == "map":
            return {self.text(): self.text() for _ in range(self.varint())}
        if isinstance(kind, tuple):
            mark, of = kind
            if mark == "pair":
                return [self.value(of), self.value(of)]
            return self.value(of) if self.bool() else None
        if isinstance(kind, dict):
            return {name: self.value(of) for name, of in kind.items()}
        if isinstance(kind, Choice):
            return self.choice(kind)
        return [self.value(kind[0]) for _ in range(self.varint())]


def read_payload(codec, type_id, type_version, data):
    if codec != 1 or type_version != 1 or type_id not in EVENTS:
        return "Opaque", {"type_id": type_id, "type_version": type_version}
    name, fields = EVENTS[type_id]
    payload = Payload(data)
    event = payload.value(fields)
    if payload.at != len(data):
        raise Damaged(f"{len(data) - payload.at} bytes of its payload are left over")
    return name, event


def need(holds, why):
    if not holds:
        raise Damaged(why)


def foretold(run, seq, prev):
    """Where in a header the fields stand that are known before it is whole."""
    return [(0, MAGIC), (4, b"\x01"), (10, run), (26, struct.pack("<Q", seq)), (58, prev)]


def check_torn(rest, run, seq, prev):
    for at, field in foretold(run, seq, prev):
        have = rest[at:at + len(field)]
        need(have == field[:len(have)], "what stands here is not the beginning of the next frame")


def frames(data, run):
    """Yields every frame's place and event; ends with ("torn", bytes) where the end is torn."""
    at, seq, epoch, prev = 0, 1, 1, bytes(32)
    while at < len(data):
        rest = data[at:]
        if len(rest) < HEADER.size:
            check_torn(rest, run, seq, prev)
            break
        magic, version, codec, type_id, type_version, its_run, its_seq, its_epoch, time, since_boot, its_prev, length, checksum = \
            HEADER.unpack_from(rest)
        need(magic == MAGIC, "no frame begins here")
        need(version == 1, f"frame version {version} is unknown")
        need(crc32c(rest[:94]) == checksum, "the checksum of its header does not match")
        need(its_run == run, "it belongs to another run")
        need(its_seq == seq, f"entry {its_seq} stands here, not {seq}")
        need(its_prev == prev, "it was not written after the entry before it")
        need(its_epoch >= epoch, f"its epoch {its_epoch} is too low")
        need(length <= MAX_PAYLOAD, "its payload is too long")
        if len(rest) < HEADER.size + length + 4:
            break
        payload = rest[98:98 + length]
        need(crc32c(payload) == int.from_bytes(rest[98 + length:102 + length], "little"),
             "the checksum of its payload does not match")
        name, event = read_payload(codec, type_id, type_version, payload)
        yield at, {"seq": seq, "epoch": its_epoch, "time": time, "since_boot": since_boot, "type": name, **event}
        prev = hashlib.sha256(rest[:102 + length]).digest()
        at, seq, epoch = at + 102 + length, seq + 1, its_epoch
    need(seq > 1, "it ends before its first entry does")
    if at < len(data):
        yield at, None


def main():
    data = open(sys.argv[1], "rb").read()
    run = sys.argv[2].encode() if len(sys.argv) > 2 else data[10:26]
    place = 0
    try:
        for place, event in frames(data, run):
            if event is None:
                print(f"torn at byte {place}: {len(data) - place} bytes", file=sys.stderr)
                return 3
            print(json.dumps(event))
    except (Damaged, UnicodeDecodeError) as why:
        print(f"damaged after byte {place}: {why}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
