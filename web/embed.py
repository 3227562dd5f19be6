#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the files of a folder, plain and compressed, as the C table that src/run/web.h declares.

    web/embed.py DIST OUT.c"""

import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def rows(data):
    for at in range(0, len(data), 24):
        yield "    " + ",".join(str(byte) for byte in data[at:at + 24]) + ","


def array(name, data):
    return f"static const unsigned char {name}[] = {{\n" + "\n".join(rows(data)) + "\n};\n"


def main(dist, out):
    arrays, table = [], []
    names = sorted(p.relative_to(dist).as_posix() for p in pathlib.Path(dist).rglob("*") if p.is_file())
    for i, name in enumerate(names):
        data = pathlib.Path(dist, name).read_bytes()
        tag = hashlib.sha256(data).hexdigest()[:16]
        arrays.append(array(f"file_{i}", data))
        arrays.append(array(f"gzip_{i}", gzip.compress(data, 9, mtime=0)))
        table.append(f'    {{"/{name}", "{TYPES[pathlib.Path(name).suffix]}", "\\"{tag}\\"", file_{i}, '
                     f"sizeof(file_{i}), gzip_{i},\n     sizeof(gzip_{i})}},\n")
    text = ('/* Made by web/embed.py: the console. */\n#include "run/web.h"\n\n' + "\n".join(arrays)
            + "\nstatic const struct web_file files[] = {\n" + "".join(table)
            + f"}};\n\nconst struct web_table web_table = {{files, {len(table)}}};\n")
    pathlib.Path(out).write_text(text, encoding="ascii")


main(*sys.argv[1:])
