#!/usr/bin/env python3
"""Writes the pictures in files/ and what Pillow makes of them in golden/.

    python3 -m venv v12 && v12/bin/pip install pillow==12.0.0 numpy==2.3.5
    python3 -m venv v13 && v13/bin/pip install pillow==13.0.0
    v12/bin/python gen.py          # files/, golden/decode.json, pixels.zip, resize.json, normalize.json
    v13/bin/python gen.py order    # golden/resize13.json

bench/ holds two JPEGs of 320 x 240 for the benchmarks. files/ holds what this script writes; hostile/ holds files of Pillow's own test
suite (see hostile/README.md), which are decoded here too.
"""
import hashlib
import io
import json
import os
import shutil
import struct
import sys
import warnings
import zipfile
import zlib

import PIL
from PIL import Image, ImageOps

warnings.simplefilter("ignore")
here = os.path.dirname(os.path.abspath(__file__))
files = os.path.join(here, "files")
hostile = os.path.join(here, "hostile")
golden = os.path.join(here, "golden")


def noise(w, h, seed):
    """Pixels that the tests make in the same way: waves, edges and noise."""
    out = bytearray(3 * w * h)
    state = seed & 0xFFFFFFFF
    i = 0
    for y in range(h):
        for x in range(w):
            for c in range(3):
                state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
                v = (x * (3 + c) + y * (5 - c)) & 255
                if (x // 5 + y // 7 + c) % 3 == 0:
                    v = 255 - v
                out[i] = (v * 3 + (state >> 24)) >> 2
                i += 1
    return bytes(out)


def soft(w, h):
    """A picture as photographs are: smooth, with two sharp edges."""
    out = bytearray()
    for y in range(h):
        for x in range(w):
            inside = (x - w * 0.4) ** 2 + (y - h * 0.5) ** 2 < (min(w, h) * 0.3) ** 2
            r = (x * 255) // max(1, w - 1)
            g = (y * 255) // max(1, h - 1)
            b = ((x * 7 + y * 11) // 3) % 256
            out += bytes((255 - r, 40, b) if inside else (r, g, 128 + b // 4))
    return Image.frombytes("RGB", (w, h), bytes(out))


# --------------------------------------------------------------- JPEG files

def save(im, fmt, **options):
    b = io.BytesIO()
    im.save(b, fmt, **options)
    return b.getvalue()


def segments(b):
    """The segments of a JPEG up to its scan: (marker, place, length)."""
    at = 2
    while True:
        marker, n = b[at + 1], struct.unpack(">H", b[at + 2:at + 4])[0]
        yield marker, at, n + 2
        at += n + 2
        if marker == 0xDA:
            return


def frame(b):
    for marker, at, _ in segments(b):
        if 0xC0 <= marker <= 0xC2:
            return at
    raise ValueError("no frame")


def resampled(b, w, h, sampling):
    """Another size and sampling of the first component: other pixels, but a valid file."""
    b = bytearray(b)
    at = frame(b)
    b[at + 5:at + 9] = struct.pack(">HH", h, w)
    b[at + 11] = sampling
    return bytes(b)


def without(b, marker):
    for m, at, n in segments(b):
        if m == marker:
            return b[:at] + b[at + n:]
    raise ValueError("no such segment")


def adobe(b, transform):
    for m, at, n in segments(b):
        if m == 0xEE:
            b = bytearray(b)
            b[at + 4 + 11] = transform
            return bytes(b)
    raise ValueError("no Adobe marker")


def scan_start(b):
    for m, at, n in segments(b):
        if m == 0xDA:
            return at + n
    raise ValueError("no scan")


def with_app1(b, payload):
    return b[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + b[2:]


def exif(orientation, order="<"):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return b"Exif\0\0" + mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def xmp(orientation):
    return ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % orientation).encode()


def jpegs():
    out = {}
    sizes = [(61, 47), (16, 16), (33, 17), (1, 1), (2, 2), (3, 3), (4, 5), (5, 4), (7, 1), (1, 7), (6, 40)]
    for w, h in sizes:
        im = soft(w, h)
        for name, s in (("444", 0), ("422", 1), ("420", 2)):
            out[f"{name}-{w}x{h}.jpg"] = save(im, "JPEG", quality=85, subsampling=s)
    im = soft(61, 47)
    b422, b420 = save(im, "JPEG", quality=80, subsampling=1), save(im, "JPEG", quality=80, subsampling=2)
    out["440.jpg"] = resampled(b422, 30, 93, 0x12)
    out["440-narrow.jpg"] = resampled(b422, 2, 93, 0x12)
    out["411.jpg"] = resampled(b420, 93, 23, 0x41)
    out["1x4.jpg"] = resampled(b420, 23, 93, 0x14)
    noisy = Image.frombytes("RGB", (61, 47), noise(61, 47, 1))
    for q in (1, 30, 100):
        out[f"noise-q{q}.jpg"] = save(noisy, "JPEG", quality=q)
    for name, s in (("444", 0), ("422", 1), ("420", 2)):
        out[f"progressive-{name}.jpg"] = save(im, "JPEG", quality=85, subsampling=s, progressive=True)
        out[f"progressive-noise-{name}.jpg"] = save(noisy, "JPEG", quality=50, subsampling=s, progressive=True)
    out["grey.jpg"] = save(im.convert("L"), "JPEG")
    out["grey-progressive.jpg"] = save(im.convert("L"), "JPEG", progressive=True)
    out["restart.jpg"] = save(noisy, "JPEG", restart_marker_blocks=2)
    out["restart-progressive.jpg"] = save(noisy, "JPEG", restart_marker_blocks=3, progressive=True)
    out["optimised.jpg"] = save(im, "JPEG", optimize=True)
    out["rgb.jpg"] = save(im, "JPEG", keep_rgb=True)
    cmyk = im.convert("CMYK")
    cmyk.putdata([(c, m, y, (x * 3) % 200) for x, (c, m, y, k) in enumerate(cmyk.getdata())])
    b = save(cmyk, "JPEG", quality=90)
    out["cmyk.jpg"] = b
    out["ycck.jpg"] = adobe(b, 2)
    out["cmyk-plain.jpg"] = without(b, 0xEE)
    out["cmyk-progressive.jpg"] = save(cmyk, "JPEG", quality=90, progressive=True)
    b = save(im, "JPEG")
    out["no-jfif.jpg"] = without(b, 0xE0)
    out["trailing.jpg"] = b + b"trailing bytes \xff\xd8\xff"
    out["before-marker.jpg"] = b[:2] + b"\xff\xff\xff" + b[2:]
    for o in range(10):
        out[f"orientation-{o}.jpg"] = save(soft(19, 13), "JPEG", exif=exif(o))
    out["orientation-mm.jpg"] = save(soft(19, 13), "JPEG", exif=exif(6, ">"))
    out["orientation-xmp.jpg"] = with_app1(save(soft(19, 13), "JPEG"), b"http://ns.adobe.com/xap/1.0/\0" + xmp(8))
    out["orientation-bad.jpg"] = save(soft(19, 13), "JPEG", exif=exif(6)[:12])

    # Damage.
    start = scan_start(b)
    out["cut-header.jpg"] = b[:100]
    out["cut-scan.jpg"] = b[:(start + len(b)) // 2]
    out["no-end.jpg"] = b[:-2]
    out["cut-marker.jpg"] = b[:-1]
    out["early-end.jpg"] = b[:(start + len(b)) // 2] + b"\xff\xd9"
    out["no-scan.jpg"] = b[:start - 14] + b"\xff\xd9"
    out["no-tables.jpg"] = without(b, 0xDB)
    for n in range(6):
        c = bytearray(b)
        at = start + (len(b) - start) * (n + 1) // 8
        for i in range(at, at + 1 + n % 3):
            c[i] = (c[i] * 7 + 0x35) & 0x7F  # never 0xff
        out[f"flipped-{n}.jpg"] = bytes(c)
    r = save(noisy, "JPEG", restart_marker_blocks=2)
    marks = [i for i in range(scan_start(r), len(r) - 1) if r[i] == 0xFF and 0xD0 <= r[i + 1] <= 0xD7]
    m = marks[2]
    out["restart-lost.jpg"] = r[:m] + r[m + 2:]
    out["restart-part-lost.jpg"] = r[:marks[1]] + r[marks[2]:]
    out["restart-wrong.jpg"] = r[:m + 1] + b"\xd6" + r[m + 2:]
    out["restart-twice.jpg"] = r[:m] + r[m - 30:m + 2] + r[m:] if m > 30 else r
    c = bytearray(b)
    c[frame(b) + 4] = 12
    out["12-bit.jpg"] = bytes(c)
    c = bytearray(b)
    c[frame(b) + 1] = 0xC9
    out["arithmetic.jpg"] = bytes(c)
    out["zero-height.jpg"] = resampled(b, 61, 0, 0x22)
    out["bomb.jpg"] = resampled(b, 65500, 65500, 0x22)
    return out


# --------------------------------------------------------------- PNG files

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(w, h, depth, colour, interlaced=False, extra=b"", after=b"", seed=1, palette=None, idat=None):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    bits = channels * depth
    state = [seed]

    def sample():
        state[0] = (state[0] * 1664525 + 1013904223) & 0xFFFFFFFF
        return state[0] >> 24

    def picture(pw, ph):
        n = (pw * bits + 7) // 8
        above = bytes(n)
        step = max(1, bits // 8)
        raw = b""
        for y in range(ph):
            row = bytes((x * 9 + y * 5 + sample() // 16) & 255 for x in range(n))
            if colour == 0 and depth == 16:  # some below 256, so that not all is white
                row = bytes(v if i % 2 else v // 200 for i, v in enumerate(row))
            f = y % 5
            line = bytearray()
            for i in range(n):
                a = row[i - step] if i >= step else 0
                b = above[i]
                c = above[i - step] if i >= step else 0
                p = a + b - c
                best = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                line.append((row[i] - (0, a, b, (a + b) // 2, best)[f]) & 255)
            raw += bytes([f]) + bytes(line)
            above = row
        return raw

    if interlaced:
        raw = b""
        for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
            pw, ph = (w - x0 + dx - 1) // dx, (h - y0 + dy - 1) // dy
            if pw > 0 and ph > 0:
                raw += picture(pw, ph)
    else:
        raw = picture(w, h)
    b = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced)))
    if colour == 3:
        n = 1 << depth if palette is None else palette
        b += chunk(b"PLTE", bytes((i * 37 + c * 91 + 11) & 255 for i in range(n) for c in range(3)))
    data = zlib.compress(raw)
    if idat is not None:
        data = idat(data)
    third = len(data) // 3
    return b + extra + chunk(b"IDAT", data[:third]) + chunk(b"IDAT", data[third:]) + after + chunk(b"IEND", b"")


def pngs():
    out = {}
    for colour, name, depths in ((0, "grey", (1, 2, 4, 8, 16)), (2, "rgb", (8, 16)), (3, "palette", (1, 2, 4, 8)),
                                 (4, "grey-alpha", (8, 16)), (6, "rgba", (8, 16))):
        for depth in depths:
            out[f"{name}{depth}.png"] = png(23, 17, depth, colour)
            out[f"{name}{depth}-interlaced.png"] = png(23, 17, depth, colour, interlaced=True)
    for w, h in ((1, 1), (2, 3), (5, 1), (1, 9)):
        out[f"interlaced-{w}x{h}.png"] = png(w, h, 8, 2, interlaced=True)
    out["key-grey.png"] = png(23, 17, 8, 0, extra=chunk(b"tRNS", b"\0\x40"))
    out["key-grey16.png"] = png(23, 17, 16, 0, extra=chunk(b"tRNS", b"\0\x40"))
    out["key-rgb.png"] = png(23, 17, 8, 2, extra=chunk(b"tRNS", b"\0\x40\0\x40\0\x40"))
    out["key-palette.png"] = png(23, 17, 8, 3, extra=chunk(b"tRNS", bytes(range(200))))
    out["palette-long.png"] = png(23, 17, 4, 3, palette=16)
    out["orientation.png"] = png(23, 17, 8, 2, extra=chunk(b"eXIf", exif(6)[6:]))
    out["orientation-after.png"] = png(23, 17, 8, 2, after=chunk(b"eXIf", exif(3, ">")[6:]))
    out["orientation-xmp.png"] = png(23, 17, 8, 2, extra=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(5)))
    hexed = ("\nexif\n%8d\n" % len(exif(7)) + exif(7).hex() + "\n").encode()
    out["orientation-raw.png"] = png(23, 17, 8, 2, extra=chunk(b"tEXt", b"Raw profile type exif\0" + hexed))
    out["orientation-zraw.png"] = png(23, 17, 8, 2, extra=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexed)))

    b = png(23, 17, 8, 2)
    out["no-iend.png"] = b[:-12]
    out["cut.png"] = b[:len(b) // 2]
    out["short-data.png"] = png(23, 17, 8, 2, idat=lambda d: zlib.compress(zlib.decompress(d)[:600]))
    out["bad-data.png"] = png(23, 17, 8, 2, idat=lambda d: d[:2] + b"\xff\xff" + d[4:])
    out["bad-filter.png"] = png(23, 17, 8, 2, idat=lambda d: zlib.compress(b"\x09" + zlib.decompress(d)[1:]))
    out["bad-adler.png"] = png(23, 17, 8, 2, idat=lambda d: d[:-4] + b"abcd")
    c = bytearray(b)
    c[29] ^= 1
    out["bad-header-checksum.png"] = bytes(c)
    c = bytearray(b)
    c[-16] ^= 1  # of the last chunk of data
    out["bad-data-checksum.png"] = bytes(c)
    p = png(23, 17, 8, 3)
    at = p.index(b"PLTE") - 4
    out["no-palette.png"] = p[:at] + p[at + 12 + 768:]
    head = struct.pack(">IIBBBBB", 100000, 100000, 8, 2, 0, 0, 0)
    out["bomb.png"] = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return out


# --------------------------------------------------------------- other files

def gifs():
    out = {}
    im = soft(41, 29)
    p = im.quantize(50)
    out["palette.gif"] = save(p, "GIF", interlace=0)
    out["interlaced.gif"] = save(p, "GIF", interlace=1)
    out["grey.gif"] = save(im.convert("L"), "GIF", interlace=0)
    out["key.gif"] = save(p, "GIF", interlace=0, transparency=3)
    out["animated.gif"] = save(p, "GIF", save_all=True, append_images=[p.rotate(90), p.rotate(180)], duration=10)
    b = out["key.gif"]
    at = b.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 41, 29))
    out["offset-key.gif"] = b[:6] + struct.pack("<HH", 60, 50) + b[10:at + 1] + struct.pack("<HH", 7, 9) + b[at + 5:]
    b = out["palette.gif"]
    at = b.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 41, 29))
    out["offset.gif"] = b[:6] + struct.pack("<HH", 60, 50) + b[10:at + 1] + struct.pack("<HH", 7, 9) + b[at + 5:]
    out["outside.gif"] = b[:at + 1] + struct.pack("<HH", 7, 9) + b[at + 5:]
    out["cut.gif"] = b[:len(b) * 3 // 4]
    out["no-frame.gif"] = b[:at] + b";"
    out["no-end.gif"] = b[:-1]
    return out


def webps():
    out = {}
    for w, h in ((61, 47), (16, 16), (1, 1), (2, 2), (3, 1), (1, 3), (17, 34)):
        out[f"lossy-{w}x{h}.webp"] = save(soft(w, h), "WEBP", quality=75)
    im = soft(41, 29)
    noisy = Image.frombytes("RGB", (41, 29), noise(41, 29, 3))
    out["noise.webp"] = save(noisy, "WEBP", quality=40)
    out["lossless.webp"] = save(im, "WEBP", lossless=True)
    a = im.convert("RGBA")
    a.putalpha(Image.frombytes("L", (41, 29), noise(41, 29, 4)[:41 * 29]))
    out["alpha.webp"] = save(a, "WEBP", quality=75)
    out["alpha-lossless.webp"] = save(a, "WEBP", lossless=True, exact=True)
    out["animated.webp"] = save(im, "WEBP", save_all=True, append_images=[noisy], duration=10)
    out["animated-alpha.webp"] = save(a, "WEBP", save_all=True, append_images=[noisy.convert("RGBA")], duration=10)
    out["orientation.webp"] = save(im, "WEBP", exif=exif(6))
    out["orientation-xmp.webp"] = save(im, "WEBP", xmp=xmp(3))
    b = out["lossy-61x47.webp"]
    out["cut.webp"] = b[:len(b) // 2]
    out["no-frame.webp"] = b"RIFF\x04\0\0\0WEBP"
    return out


def bmps():
    out = {}
    im = soft(23, 17)
    out["1.bmp"] = save(im.convert("1"), "BMP")
    out["8.bmp"] = save(im.quantize(200), "BMP")
    out["grey.bmp"] = save(im.convert("L"), "BMP")
    out["24.bmp"] = save(im, "BMP")
    out["32.bmp"] = save(im.convert("RGBA"), "BMP")
    b = out["24.bmp"]
    out["top-down.bmp"] = b[:22] + struct.pack("<i", -17) + b[26:]
    out["cut.bmp"] = b[:len(b) // 2]
    out["bomb.bmp"] = b[:18] + struct.pack("<ii", 1 << 16, 1 << 16) + b[26:]
    for bits in (1, 4):
        n = ((23 * bits + 31) // 32) * 4
        colours = bytes((i * 37 + c * 50) & 255 for i in range(1 << bits) for c in range(4))
        data = noise(n, 17, bits)[:n * 17]
        offset = 54 + len(colours)
        out[f"palette{bits}.bmp"] = (b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) +
                                     struct.pack("<IiiHHIIiiII", 40, 23, 17, 1, bits, 0, len(data), 0, 0, 1 << bits, 0) + colours + data)
    for name, masks in (("565", (0xF800, 0x7E0, 0x1F)), ("555", None), ("555-masks", (0x7C00, 0x3E0, 0x1F))):
        n = ((23 * 16 + 31) // 32) * 4
        data = noise(n, 17, 9)[:n * 17]
        extra = b"" if masks is None else struct.pack("<III", *masks)
        offset = 54 + len(extra)
        out[f"{name}.bmp"] = (b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) +
                              struct.pack("<IiiHHIIiiII", 40, 23, 17, 1, 16, 0 if masks is None else 3, len(data), 0, 0, 0, 0) + extra + data)
    data = b""
    for y in range(17):  # runs and literal stretches
        data += bytes((9, y * 3, 0, 5, 1, 2, 3, 4, y, 0, 4, 7, 5, 250 - y)) + b"\0\0"
    data += b"\0\1"
    colours = bytes((i * 37 + c * 50) & 255 for i in range(256) for c in range(4))
    out["rle8.bmp"] = (b"BM" + struct.pack("<IHHI", 54 + 1024 + len(data), 0, 0, 54 + 1024) +
                       struct.pack("<IiiHHIIiiII", 40, 23, 17, 1, 8, 1, len(data), 0, 0, 256, 0) + colours + data)
    return out


def tiffs():
    out = {}
    im = soft(23, 17)
    i16 = Image.frombytes("I;16", (23, 17), noise(46, 17, 5)[:46 * 17])
    for name, m in (("1", im.convert("1")), ("grey", im.convert("L")), ("palette", im.quantize(60)), ("rgb", im),
                    ("rgba", im.convert("RGBA")), ("grey16", i16), ("cmyk", im.convert("CMYK"))):
        out[f"{name}.tif"] = save(m, "TIFF")
    for c in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        out[f"{c}.tif"] = save(im, "TIFF", compression=c)
    out["group4.tif"] = save(im.convert("1"), "TIFF", compression="group4")
    out["jpeg.tif"] = save(im, "TIFF", compression="jpeg")
    for o in (1, 3, 6, 8):
        out[f"orientation-{o}.tif"] = save(im, "TIFF", tiffinfo={274: o})
    b = out["rgb.tif"]
    out["cut.tif"] = b[:len(b) // 2]
    out["cut-header.tif"] = b[:6]
    return out


def unknown():
    b = save(soft(9, 9), "JPEG")
    return {
        "empty.bin": b"",
        "html.bin": b"<!DOCTYPE html><html></html>",
        "newline-before.bin": b"\n" + b,
        "short.bin": b"\xff\xd8",
        "jpeg2000.bin": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(30),
        "heic.bin": b"\0\0\0\x18ftypheic" + bytes(30),
        "bigtiff.bin": b"II+\0\x08\0\0\0" + bytes(30),
    }


# --------------------------------------------------------------- goldens

def decode(path):
    """What Pillow makes of a file: as stored, and with its orientation applied."""
    entry, pixels = {}, None
    try:
        im = Image.open(path)
        entry["pillow_format"], entry["mode"] = im.format, im.mode
        im = im.convert("RGB")
        pixels = im.tobytes()
        entry["size"], entry["sha256"] = im.size, hashlib.sha256(pixels).hexdigest()
        turned = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        entry["oriented_size"], entry["oriented_sha256"] = turned.size, hashlib.sha256(turned.tobytes()).hexdigest()
    except Exception as e:  # Pillow raises all kinds
        return {"error": type(e).__name__}, None
    return entry, pixels


def write_decode():
    shutil.rmtree(files, ignore_errors=True)
    os.makedirs(files)
    os.makedirs(golden, exist_ok=True)
    for name, b in {**jpegs(), **pngs(), **gifs(), **webps(), **bmps(), **tiffs(), **unknown()}.items():
        with open(os.path.join(files, name), "wb") as f:
            f.write(b)
    big = soft(320, 240)
    grain = Image.frombytes("RGB", (320, 240), noise(320, 240, 9))
    big = Image.blend(big, grain, 0.1)
    os.makedirs(os.path.join(here, "bench"), exist_ok=True)
    for name, options in (("420.jpg", {}), ("progressive.jpg", {"progressive": True})):
        big.save(os.path.join(here, "bench", name), quality=85, subsampling=2, **options)
    index = {}
    with zipfile.ZipFile(os.path.join(golden, "pixels.zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for folder in (files, hostile):
            for name in sorted(os.listdir(folder)):
                if name == "README.md":
                    continue
                key = os.path.basename(folder) + "/" + name
                index[key], pixels = decode(os.path.join(folder, name))
                # Where a difference can be small, the pixels are kept to tell how large it is.
                if pixels and len(pixels) < 20000 and index[key]["pillow_format"] in ("JPEG", "WEBP"):
                    z.writestr(zipfile.ZipInfo(key, (1980, 1, 1, 0, 0, 0)), pixels, zipfile.ZIP_DEFLATED)
    write("decode.json", index)


def write(name, value):
    with open(os.path.join(golden, name), "w") as f:
        json.dump({"pillow": PIL.__version__, "cases": value}, f, indent=1)
        f.write("\n")


RESIZES = [  # source, target
    ((61, 47), (30, 20)), ((61, 47), (61, 20)), ((61, 47), (20, 47)), ((61, 47), (61, 47)), ((61, 47), (122, 94)),
    ((61, 47), (200, 31)), ((61, 47), (31, 200)), ((61, 47), (1, 1)), ((1, 1), (7, 5)), ((2, 1), (5, 5)),
    ((1, 40), (9, 9)), ((40, 1), (9, 9)), ((2, 90), (3, 11)), ((224, 224), (16, 16)), ((333, 100), (28, 28)),
    ((100, 333), (28, 28)), ((64, 640), (63, 30)), ((640, 64), (30, 63)), ((97, 101), (96, 100)), ((500, 300), (224, 224)),
]
BOXES = [  # source, target, box
    ((61, 47), (30, 20), (3, 5, 50, 40)), ((61, 47), (30, 20), (0.5, 0.25, 60.5, 46.75)), ((61, 47), (80, 60), (10.1, 11.2, 40.3, 31.9)),
    ((61, 47), (47, 35), (3, 5, 50, 40)), ((61, 47), (61, 47), (0, 1, 61, 46)), ((100, 333), (28, 28), (7.5, 9.25, 90, 301.125)),
]


def write_resize(name):
    cases = []
    for src, dst, box in [(s, d, None) for s, d in RESIZES] + BOXES:
        im = Image.frombytes("RGB", src, noise(*src, 7))
        for f in range(6):
            out = im.resize(dst, f, box=box)
            cases.append({"from": src, "to": dst, "box": box, "filter": f, "sha256": hashlib.sha256(out.tobytes()).hexdigest()})
    write(name, cases)


def write_normalize():
    """Hugging Face's rescale and normalise: float64 product rounded to float32, then float32."""
    import numpy as np

    cases = []
    for scale, mean, std in (
        (1 / 255, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        (1 / 255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        (1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (0.00392156862745098, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        (1 / 255, (0, 0, 0), (1, 1, 1)),
    ):
        v = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
        x = (v.astype(np.float64) * scale).astype(np.float32)
        x = (x - np.array(mean, dtype=np.float32)) / np.array(std, dtype=np.float32)
        assert x.dtype == np.float32
        cases.append({"rescale": scale, "mean": mean, "std": std, "sha256": hashlib.sha256(x.T.astype("<f4").tobytes()).hexdigest()})
    write("normalize.json", cases)


if sys.argv[1:] == ["order"]:
    assert PIL.__version__ == "13.0.0", PIL.__version__
    write_resize("resize13.json")
else:
    assert PIL.__version__ == "12.0.0", PIL.__version__
    write_decode()
    write_resize("resize.json")
    write_normalize()
