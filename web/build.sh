#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the console and writes it as a C file. Called by Meson; by hand from anywhere:
#
#     web/build.sh OPENAPI.json DIST OUT.c [DEPFILE]
#
# OPENAPI.json is the API's document (build/web/openapi.json); the types of what it answers are made of it.
# npm is asked only when web/node_modules holds something else than package-lock.json says.

set -eu
home=$(cd "$(dirname "$0")" && pwd)
document=$1 dist=$2 out=$3 depfile=${4:-}

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

# Into the sources, where tsc and editors find it. Whole or not at all: two build folders may be built at once.
schema=$home/src/schema.d.ts
node "$home/node_modules/openapi-typescript/bin/cli.js" "$document" --root-types --root-types-no-schema-prefix \
    --root-types-keep-casing --output "$schema.$$" >&2
sed -i '1i // SPDX-License-Identifier: LGPL-2.1-or-later' "$schema.$$"
cmp -s "$schema.$$" "$schema" && rm "$schema.$$" || mv "$schema.$$" "$schema"

node "$home/node_modules/typescript/bin/tsc" --project "$home"
node "$home/build.mjs" "$dist" ${depfile:+"$depfile" "$out"}
"$home/embed.py" "$dist" "$out"
