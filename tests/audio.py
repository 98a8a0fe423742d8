"""Tiny audio files, made by hand: the same ``sound`` under any tags, in every container that scans read."""

import io
import struct
import wave


def id3v2(tags, *, padding=0):
    """An ID3v2.3 tag; its frames by their names, such as TIT2."""
    frames = b""
    for name, text in tags.items():
        body = b"\x01" + text.encode("utf-16")
        frames += name.encode() + struct.pack(">IH", len(body), 0) + body
    frames += bytes(padding)
    size = len(frames)
    return b"ID3\x03\x00\x00" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames


def id3v1(title=""):
    return b"TAG" + title.encode("latin-1").ljust(30, b"\0") + bytes(30 + 30 + 4 + 30) + b"\xff"


def ape(value="loud"):
    item = struct.pack("<II", len(value), 0) + b"MODE\0" + value.encode()
    length = len(item) + 32
    flags = 1 << 31
    head, foot = (
        b"APETAGEX" + struct.pack("<IIII", 2000, length, 1, each) + bytes(8) for each in (flags | 1 << 29, flags)
    )
    return head + item + foot


def mpeg(sound=b"a", frames=3):
    """Frames of MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes each."""
    return (b"\xff\xfb\x90\x00" + sound.ljust(413, b"\0")) * frames


def mp3(sound=b"a", **tags):
    return id3v2(tags) + mpeg(sound)


def flac(sound=b"a", *, padding=0, **tags):
    """One second of 44.1 kHz mono, as far as its head says."""
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + ((44100 << 44) | (15 << 36) | 44100).to_bytes(8) + bytes(16)
    comment = _comments(tags)
    return b"".join(
        [
            b"fLaC",
            _flac_block(0, info),
            _flac_block(4, comment),
            _flac_block(1 | 0x80, bytes(padding)),
            b"\xff\xf8" + sound.ljust(100, b"\0"),
        ]
    )


def _flac_block(kind, body):
    return bytes([kind]) + len(body).to_bytes(3) + body


def _comments(tags):
    fields = [f"{name}={text}".encode() for name, text in tags.items()]
    packed = b"".join(struct.pack("<I", len(field)) + field for field in fields)
    return struct.pack("<I", 0) + struct.pack("<I", len(fields)) + packed


def opus(sound=b"a", **tags):
    """Half a second in Ogg; the comment takes as many pages as it needs, and the others are numbered after it."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48000, 0, 0)
    packets = [(0, head), (0, b"OpusTags" + _comments(tags)), (12000, sound * 50), (24000, sound * 60)]
    pages = []
    for position, packet in packets:
        pieces = [packet[at : at + 255 * 255] for at in range(0, len(packet), 255 * 255)]
        for piece in pieces:
            whole = piece is pieces[-1]
            pages.append(_page(position if whole else -1, len(pages), piece, whole=whole))
    return b"".join(pages)


def _page(position, number, body, *, whole):
    lacing = bytes([255] * (len(body) // 255)) + (bytes([len(body) % 255]) if whole else b"")
    checksum = number + 1  # nobody here checks it, but it changes with the page
    kind = 2 if number == 0 else 0
    return b"OggS\0" + bytes([kind]) + struct.pack("<qIIIB", position, 7, number, checksum, len(lacing)) + lacing + body


def wav(sound=b"a", **tags):
    """Samples of 8 kHz mono; tags are RIFF's own, such as INAM."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sound * 800)
    info = b"INFO" + b"".join(_chunk(name.encode(), text.encode() + b"\0") for name, text in tags.items())
    body = made.getvalue()[12:] + (_chunk(b"LIST", info) if tags else b"")
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def _chunk(name, body, order="<"):
    return name + struct.pack(f"{order}I", len(body)) + body + bytes(len(body) % 2)


def aiff(sound=b"a", **tags):
    """Samples of 8 kHz mono; tags are text chunks, such as NAME."""
    common = struct.pack(">hIh", 1, len(sound) * 100, 8) + struct.pack(">HQ", 16383 + 12, 8000 << 51)
    texts = b"".join(_chunk(name.encode(), text.encode(), ">") for name, text in tags.items())
    body = _chunk(b"COMM", common, ">") + texts + _chunk(b"SSND", bytes(8) + sound * 100, ">")
    return b"FORM" + struct.pack(">I", len(body) + 4) + b"AIFF" + body


def m4a(sound=b"a", *, free=0, **tags):
    """Tags are atoms, such as ©nam; they stand before the audio, so that longer ones move it."""
    items = b"".join(
        _box(name.encode("latin-1"), _box(b"data", struct.pack(">II", 1, 0) + text.encode()))
        for name, text in tags.items()
    )
    meta = _box(b"meta", bytes(4) + _box(b"ilst", items))
    header = _box(b"mvhd", bytes(12) + struct.pack(">II", 1000, 2500) + bytes(80))
    moov = _box(b"moov", header + _box(b"udta", meta))
    return _box(b"ftyp", b"M4A \0\0\0\0") + moov + _box(b"free", bytes(free)) + _box(b"mdat", sound * 100)


def _box(name, body):
    return struct.pack(">I", len(body) + 8) + name + body


def wma(sound=b"a", *, title="", artist=""):
    texts = [(text + "\0").encode("utf-16-le") for text in (title, artist, "", "", "")]
    description = struct.pack("<HHHHH", *(len(text) for text in texts)) + b"".join(texts)
    inner = _asf("3326b2758e66cf11a6d900aa0062ce6c", description)
    header = _asf("3026b2758e66cf11a6d900aa0062ce6c", struct.pack("<I", 1) + b"\x01\x02" + inner)
    return header + _asf("3626b2758e66cf11a6d900aa0062ce6c", bytes(26) + sound * 100)


def _asf(guid, body):
    return bytes.fromhex(guid) + struct.pack("<Q", len(body) + 24) + body


def with_picture(picture, *, mime="image/png", sound=b"a", **tags):
    """An MP3 with an embedded front cover."""
    frame = b"\x00" + mime.encode() + b"\0\x03\0" + picture
    tag = id3v2(tags)
    frames = tag[10:] + b"APIC" + struct.pack(">IH", len(frame), 0) + frame
    size = len(frames)
    return b"ID3\x03\x00\x00" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames + mpeg(sound)
