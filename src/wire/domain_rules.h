/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list behind the domain policy 'plain'. Inside of src/wire only. */
#pragma once

#include "base/types.h"

/* An element that is accepted, by its place below <domain>. */
struct domain_rule {
    const char *place;      /* "devices/disk/source"; "": <domain> itself */
    const char *attributes; /* accepted ones, separated by spaces */
    bool is_whole;          /* every attribute, and everything below */
};

enum domain_value_kind {
    DOMAIN_VALUE_WORDS,
    DOMAIN_VALUE_FILE,     /* below the directories of disks */
    DOMAIN_VALUE_FIRMWARE, /* those, or the distribution's firmware */
    DOMAIN_VALUE_NVRAM,    /* those, or where libvirt keeps them */
    DOMAIN_VALUE_CONSOLE,  /* where libvirt makes consoles and sockets */
    DOMAIN_VALUE_EMULATOR,
    DOMAIN_VALUE_LISTEN, /* an address of this host only, unless graphics are open */
    DOMAIN_VALUE_OPEN,   /* only if graphics are open */
};

/* What the value of an attribute, or the text of an element (attribute ""), must be. */
struct domain_value {
    const char *place;
    const char *attribute;
    enum domain_value_kind kind;
    const char *words; /* separated by spaces */
};

/* NULL: the element is not accepted; the value is free. */
const struct domain_rule *domain_rule_find(const char *place);
const struct domain_value *domain_value_find(const char *place, const char *attribute);
