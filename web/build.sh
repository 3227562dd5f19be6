#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the console and writes it as a C file. Called by Meson; by hand from anywhere:
#
#     web/build.sh DIST OUT.c [DEPFILE]
#
# npm is asked only when web/node_modules holds something else than package-lock.json says.

set -eu
home=$(cd "$(dirname "$0")" && pwd)
dist=$1 out=$2 depfile=${3:-}

for program in node npm; do
    command -v "$program" >/dev/null || {
        echo "web: $program is missing: 'make deps' installs what building needs" >&2
        exit 1
    }
done

stamp=$home/node_modules/.installed-lock.json
if ! cmp -s "$home/package-lock.json" "$stamp"; then
    (cd "$home" && npm ci --no-progress --loglevel=error >&2)
    cp "$home/package-lock.json" "$stamp"
fi

node "$home/node_modules/typescript/bin/tsc" --project "$home"
node "$home/build.mjs" "$dist" ${depfile:+"$depfile" "$out"}
"$home/embed.py" "$dist" "$out"
