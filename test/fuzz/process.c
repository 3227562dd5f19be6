/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What any process of a host may say of itself, as the reader of /proc takes it. */
#include "test/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "virt/process.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct domain_marker marker;
    char text[domain_marker_text_size];
    CLEANUP(freep) char *copy = malloc(size + 1);
    assert(copy);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    if (virt_process_marker(copy, size, &marker)) {
        struct domain_marker again;
        assert(marker.vm[0] && marker.node[0]);
        assert(domain_marker_parse(domain_marker_format(&marker, text), &again));
        assert(again.epoch == marker.epoch && strcmp(again.vm, marker.vm) == 0);
    }
    (void)virt_process_is_in_scope(copy);
    return 0;
}
