# SPDX-License-Identifier: LGPL-2.1-or-later
"""The law of rooms as data: whom each room may include, and what a pure room may call.

ARCHITECTURE.md says why. A line that is added here changes the law: say why beside it."""

ADAPTERS = ["etcd", "virt", "host", "fence", "http", "auth", "screen", "seal", "notify", "setup"]
PURE = ["base", "model", "plan", "core", "wire", "api"]
ROOMS = PURE + ["loop"] + ADAPTERS + ["cli", "run", "bin"]

# Room -> the rooms whose headers it may include. Each may include its own.
MAY_INCLUDE = {
    "base": [],
    "model": ["base"],
    "plan": ["base", "model"],
    "core": ["base", "model", "plan"],
    "wire": ["base", "model"],
    "api": ["base", "model", "plan", "wire"],
    "loop": ["base"],
    **{adapter: ["base", "loop", "model", "wire"] for adapter in ADAPTERS},
    # plan: berth plan --state, without a cluster; setup: berth cluster init, before there is one
    "cli": ["base", "loop", "model", "plan", "wire", "api", "setup"],
    "run": PURE + ["loop"] + ADAPTERS,
    "bin": [room for room in ROOMS if room != "bin"],
}

# Room -> single headers beside those.
EXTRA_INCLUDES = {
    # certificates, and TLS by a shared secret, are made in one place
    "setup": {"http/certificate.h", "http/channel.h"},
    "screen": {"http/channel.h"},
    "bin": {"test/sim/sim.h"},  # berth-sim is a program of ours whose world lives with the tests
}

# What a pure room may call of the C library: it neither waits nor asks nor tells anybody anything.
# '_chk' variants are the same functions, hardened by the compiler.
LIBC = set("""
    calloc malloc realloc reallocarray free
    memchr memcmp memcpy memmem memmove memrchr memset
    strcasecmp strcasestr strchr strchrnul strcmp strcspn strdup strlen strncasecmp strncmp strndup
    strnlen strpbrk strrchr strspn strstr strtok_r stpncpy
    strtol strtoll strtoul strtoull strtod strtoimax strtoumax
    snprintf vsnprintf sscanf
    explicit_bzero
    qsort qsort_r bsearch abs labs llabs
    isdigit isalpha isalnum isspace isxdigit isupper islower isprint iscntrl tolower toupper
    abort strerror strerrordesc_np strerrorname_np
    floor ceil fabs isfinite
""".split())

# What the compiler puts there: checks, tables of <ctype.h>, errno's place.
COMPILER = set("""
    _GLOBAL_OFFSET_TABLE_ __assert_fail __stack_chk_fail __errno_location
    __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc __chk_fail
""".split())

# Room -> further symbols and why.
EXCEPTIONS = {
    "base": {"close"},            # cleanup.h: closep() closes a descriptor that its user opened
    "core": {"fwrite", "fputs", "stderr"},  # core_out_of_memory(): the last words before abort()
}

# Room -> (prefixes of the libraries it may use, endings of their functions that do I/O).
LIBRARIES = {
    "wire": (["json_", "xml"], ["_file", "_dumpf", "_loadf", "_dumpfd", "_loadfd", "File", "Fd", "URL", "Filename"]),
    "api": (["json_"], ["_file", "_dumpf", "_loadf", "_dumpfd", "_loadfd"]),
}

# Headers outside the tree that a pure room may include.
HEADERS = set("""
    assert.h ctype.h errno.h inttypes.h limits.h math.h stdarg.h stdbool.h stddef.h stdint.h stdio.h
    stdlib.h string.h strings.h
""".split())
HEADER_EXCEPTIONS = {
    "base": {"unistd.h"},  # close(), as above
    "wire": {"jansson.h", "libxml/"},
    "api": {"jansson.h"},
}

# Room -> variables that it may have, and why: nothing else outlives a call.
VARIABLES = {
    "virt": {"init_error", "init_result", "once"},  # libvirt has one event loop a process, started once
    "host": {"guard"},  # libpci jumps out of its errors through a variable: one user at a time
}

# Rooms whose files still include, or call, one another in a circle: being mended. Nothing is added.
CIRCLES = {
    "includes": set(),
    "calls": {"cli", "etcd", "run", "virt"},
}

# Rooms that make sentences of codes (model/words.h): what people read comes from there.
EDGES = ["api", "cli", "run", "bin"]
