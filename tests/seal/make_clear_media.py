"""Makes tests/seal/clear_media/*.bin: payloads of clear RTP, as real encoders and the RFCs' packetisers give them.

    pip install av==18.1.0 && python make_clear_media.py

Pictures and voice are drawn from a seed. A file is a row of payloads, each as two bytes of length (big endian) and the
payload. A payload is cut at CUT bytes: the statistics read no further than the 42nd.
"""

import fractions
import math
import pathlib
import struct

import av
import numpy

CUT = 64
PACKETS = 64
MTU = 1150
FRAMES = 90
HERE = pathlib.Path(__file__).resolve().parent / "clear_media"
random = numpy.random.default_rng(20261127)


def write(name, payloads):
    payloads = payloads[:PACKETS]
    assert len(payloads) >= 24, (name, len(payloads))
    cut = [payload[:CUT] for payload in payloads]
    (HERE / f"{name}.bin").write_bytes(b"".join(struct.pack(">H", len(payload)) + payload for payload in cut))
    print(name, len(payloads), "packets")


# ---- sources


def voice(rate, seconds, level):
    """Syllables of a buzzing source through three formants, with pauses and some breath; level is the peak in dB."""
    out = numpy.zeros(int(rate * seconds))
    at = 0
    while at < len(out):
        length = int(rate * random.uniform(0.12, 0.35))
        time = numpy.arange(length) / rate
        pitch = random.uniform(95, 210)
        phase = 2 * math.pi * numpy.cumsum(pitch * (1 + 0.05 * numpy.sin(2 * math.pi * 4 * time))) / rate
        formants = [random.uniform(300, 800), random.uniform(900, 2200), random.uniform(2300, 3200)]
        sound = random.normal(0, 0.02, length)
        for harmonic in range(1, int(3800 / pitch)):
            strength = sum(1 / (1 + ((harmonic * pitch - formant) / 120) ** 2) for formant in formants)
            sound += strength * numpy.sin(harmonic * phase)
        sound *= numpy.sin(math.pi * numpy.arange(length) / length) ** 0.5 * random.uniform(0.3, 1)
        out[at : at + length] += sound[: len(out) - at]
        at += length + int(rate * random.choice([0.02, 0.05, 0.3]))
    out += random.normal(0, 0.0005, len(out))
    return out / numpy.abs(out).max() * 10 ** (level / 20)


def music(rate, seconds):
    time = numpy.arange(int(rate * seconds)) / rate
    notes = [220, 277.2, 329.6, 440, 554.4]
    return sum(0.15 * numpy.sin(2 * math.pi * note * time + note) * (1 + numpy.sin(time * note / 90)) / 2 for note in notes)


def pictures(width, height, speed=3):
    """A head before a wall with a lamp, moving, with the noise of a camera."""
    y, x = numpy.mgrid[0:height, 0:width]
    wall = 70 + 60 * x / width + 20 * numpy.sin(y / 9) + 15 * ((x // 23 + y // 31) % 2)
    for number in range(FRAMES):
        cx, cy = width / 2 + 30 * math.sin(number * speed / 20), height / 2 + 12 * math.cos(number * speed / 11)
        head = numpy.hypot((x - cx) / 1.0, (y - cy) / 1.3) < height / 4
        picture = numpy.where(head, 170 + 25 * numpy.sin((x - cx) / 6) * numpy.cos((y - cy) / 7), wall)
        picture = picture + random.normal(0, 2, picture.shape)
        rgb = numpy.stack([picture, picture * 0.9, picture * 0.8], axis=-1).clip(0, 255).astype(numpy.uint8)
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        yield frame


# ---- encoders


def audio(codec, rate, samples, frame, bit_rate=None, channels=1, options=None):
    context = av.CodecContext.create(codec, "w")
    context.sample_rate = rate
    context.format = "s16"
    context.layout = "stereo" if channels == 2 else "mono"
    context.time_base = fractions.Fraction(1, rate)
    if bit_rate:
        context.bit_rate = bit_rate
    context.options = options or {}
    context.open()
    whole = (samples * 32767).clip(-32768, 32767).astype(numpy.int16)
    out = []
    for at in range(0, len(whole) - frame + 1, frame):
        part = numpy.repeat(whole[at : at + frame], channels)[None, :]
        each = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo" if channels == 2 else "mono")
        each.sample_rate, each.pts = rate, at
        out += [bytes(packet) for packet in context.encode(each)]
    return out


def video(codec, width, height, bit_rate, options, threads=1):
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = fractions.Fraction(1, 30), fractions.Fraction(30, 1)
    context.bit_rate, context.gop_size, context.max_b_frames = bit_rate, 3000, 0
    context.thread_count = threads
    context.options = options
    out = []
    for frame in pictures(width, height):
        out += [(bytes(packet), packet.is_keyframe) for packet in context.encode(frame)]
    out += [(bytes(packet), packet.is_keyframe) for packet in context.encode(None)]
    return out


# ---- payload formats


def pieces(data, size):
    """Equal pieces, as browsers cut them."""
    count = max(1, -(-len(data) // size))
    edges = [len(data) * number // count for number in range(count + 1)]
    return [data[a:b] for a, b in zip(edges, edges[1:])]


def vp8(frames, extended):
    """RFC 7741 §4.2, with picture id, TL0PICIDX and TID, as Chromium does, or with the one mandatory byte."""
    for number, (data, key) in enumerate(frames):
        for index, piece in enumerate(pieces(data, MTU)):
            start = 0x10 if index == 0 else 0
            if not extended:
                yield bytes([start]) + piece
                continue
            more = 0xE0 if number % 2 else 0xF0
            yield bytes([0x80 | start, more]) + struct.pack(">H", 0x8000 | 11000 + number) + bytes([number & 0xFF, 0x20 if key else 0x40]) + piece


def vp9(frames, flexible):
    """RFC 9628 §4.2: flexible mode with one reference, or not flexible with a scalability structure in key frames."""
    for number, (data, key) in enumerate(frames):
        parts = pieces(data, MTU)
        for index, piece in enumerate(parts):
            first = 0x80 | (0 if key else 0x40) | (0x10 if flexible else 0)
            first |= 0x08 if index == 0 else 0
            first |= 0x04 if index == len(parts) - 1 else 0
            header = struct.pack(">H", 0x8000 | 5000 + number)
            if flexible and not key:
                header += bytes([1 << 1])
            if key and index == 0:
                first |= 0x02
                header += bytes([0x18, 320 >> 8, 320 & 255, 0, 240, 1, 0x04, 1])
            yield bytes([first]) + header + piece


def units(data):
    """The NAL units of an Annex B byte stream."""
    for part in data.split(b"\0\0\1"):
        unit = part.rstrip(b"\0")
        if unit:
            yield unit


def h264(frames, fragment):
    """RFC 6184: single NAL units and, in packetization-mode 1, STAP-A for the parameter sets and FU-A."""
    for data, _ in frames:
        sets = []
        for unit in units(data):
            if fragment and unit[0] & 31 in (7, 8):
                sets.append(unit)
                if len(sets) == 2:
                    yield bytes([0x78]) + b"".join(struct.pack(">H", len(each)) + each for each in sets)
            elif len(unit) <= MTU or not fragment:
                assert len(unit) <= 1400
                yield unit
            else:
                parts = pieces(unit[1:], MTU)
                for index, piece in enumerate(parts):
                    flags = (0x80 if index == 0 else 0) | (0x40 if index == len(parts) - 1 else 0)
                    yield bytes([unit[0] & 0xE0 | 28, flags | unit[0] & 31]) + piece


def leb128(number):
    out = b""
    while True:
        number, low = number >> 7, number & 127
        if not number:
            return out + bytes([low])
        out += bytes([low | 128])


def obus(data):
    """OBUs without their size field; temporal delimiters are left out, as the payload format asks."""
    at = 0
    while at < len(data):
        header = data[at]
        assert header & 2, "every OBU has its size"
        at += 1
        extension = b""
        if header & 4:
            extension, at = data[at : at + 1], at + 1
        size = shift = 0
        while True:
            byte, at = data[at], at + 1
            size, shift = size | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        if header >> 3 & 15 != 2:
            yield bytes([header & ~2]) + extension + data[at : at + size]
        at += size


def av1(frames):
    """RTP Payload Format For AV1 §4: aggregation header Z Y W N, elements with a length but for the last."""
    for data, key in frames:
        packets, elements, room, continued = [], [], MTU, False
        for obu in obus(data):
            while obu:
                piece, obu = obu[:room], obu[room:]
                elements.append(piece)
                room -= len(piece) + 2
                if obu or room < 16 or len(elements) == 3:
                    packets.append((continued, bool(obu), elements))
                    elements, room, continued = [], MTU, bool(obu)
        if elements:
            packets.append((continued, False, elements))
        for index, (z, y, parts) in enumerate(packets):
            header = z << 7 | y << 6 | len(parts) << 4 | (key and index == 0) << 3
            body = b"".join(leb128(len(part)) + part for part in parts[:-1]) + parts[-1]
            yield bytes([header]) + body


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    fullband = voice(48000, 6, -6)
    opus = {"application": "voip", "frame_duration": "20"}
    write("opus_voice", audio("libopus", 48000, fullband, 960, 32000, options=opus))
    write("opus_narrow", audio("libopus", 16000, voice(16000, 6, -12), 960, 12000, options=opus | {"frame_duration": "60"}))
    write("opus_stereo", audio("libopus", 48000, music(48000, 4), 960, 96000, 2, opus | {"application": "audio"}))
    write("opus_hybrid", audio("libopus", 48000, voice(48000, 6, -20), 960, 24000, options=opus))
    write("opus_silence", audio("libopus", 48000, numpy.zeros(48000 * 3), 960, 32000, options=opus))
    quiet = numpy.concatenate([voice(48000, 1, -50), numpy.zeros(48000), voice(48000, 2, -30)])
    write("opus_dtx", audio("libopus", 48000, quiet, 960, 24000, options=opus | {"dtx": "1"}))
    for name, level in (("loud", -3), ("quiet", -30)):
        write(f"g722_{name}", audio("g722", 16000, voice(16000, 4, level), 320))

    realtime = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
    large, small = (640, 480, 1_500_000), (320, 240, 200_000)
    for name, shape in (("large", large), ("small", small)):
        frames = video("libvpx", *shape, realtime)
        write(f"vp8_{name}", list(vp8(frames, True)))
        write(f"vp8_{name}_bare", list(vp8(frames, False)))
        frames = video("libvpx-vp9", *shape, realtime)
        write(f"vp9_{name}", list(vp9(frames, False)))
        write(f"vp9_{name}_flexible", list(vp9(frames, True)))
        tuned = {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "x264-params": "repeat-headers=1"}
        frames = video("libx264", *shape, tuned)
        write(f"h264_{name}", list(h264(frames, True)))
        sliced = tuned | {"profile": "high", "x264-params": "repeat-headers=1:slice-max-size=1100:cabac=1"}
        write(f"h264_{name}_slices", list(h264(video("libx264", *shape, sliced), False)))
        frames = video("libsvtav1", *shape, {"preset": "11", "svtav1-params": "pred-struct=1:rc=2:lp=1"})
        write(f"av1_{name}", list(av1(frames)))


if __name__ == "__main__":
    main()
