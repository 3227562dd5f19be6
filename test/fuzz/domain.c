/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "wire/domain_policy.h"
#include "wire/domain_xml.h"
#include "wire/fence_metadata.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void compose(const char *xml)
{
    static const struct domain_device devices[] = {
        {.slot = {{0, 1, 0, 0}, ""},
         .companions = {{0, 1, 0, 1}},
         .companion_len = 1,
         .mmio_size = UINT64_C(1) << 38},
        {.slot = {{0, 2, 0, 0}, "11111111-1111-4111-8111-111111111111"}},
    };
    struct domain_compose compose = {
        .xml = xml,
        .marker = {.vm = "a", .epoch = 3, .incarnation = 4, .node = "n"},
        .devices = devices,
        .device_len = 2,
    };
    CLEANUP(buf_done) struct buf text = {0};
    struct error err;
    struct domain_info info;
    struct domain_marker marker;
    int r = domain_xml_compose(&compose, &text, &err);
    if (r < 0 || text.size > domain_xml_size_max) {
        assert(r == 0 || r == -EINVAL); /* no slot left for a card */
        return;
    }
    /* What was composed is a domain that says whose it is, and that has its devices. */
    assert(domain_xml_inspect(text.data, &info, &err) == -EEXIST);
    assert(domain_marker_from_xml(text.data, &marker) && marker.epoch == 3);
}

static int count(void *userdata, const char *path, struct error *unused)
{
    (void)unused;
    assert(path[0] == '/');
    ++*(size_t *)userdata;
    return 0;
}

/* Every path of a domain that passes was judged: it is absolute and goes nowhere up. */
static void judge(const char *xml)
{
    static const struct domain_policy policy = {
        .kind = DOMAIN_POLICY_PLAIN, .directories = {"/vm"}, .directory_len = 1};
    struct error err;
    size_t files = 0;
    int r = domain_policy_check(xml, &policy, &err);
    assert(r == 0 || err.text[0]);
    assert(domain_policy_files(xml, &policy, count, &files, &err) == r);
}

/* What was taken out once is not there a second time. */
static void redact(const char *xml)
{
    struct error err;
    CLEANUP(buf_done) struct buf once = {0};
    CLEANUP(buf_done) struct buf twice = {0};
    if (domain_xml_redact(xml, &once, &err) == 0 && once.size <= domain_xml_size_max &&
        domain_xml_redact(buf_str(&once), &twice, &err) == 0) {
        assert(strcmp(buf_str(&once), buf_str(&twice)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct domain_info info;
    struct domain_marker marker;
    struct error err;
    CLEANUP(freep) char *xml = malloc(size + 1);
    assert(xml);
    memcpy(xml, bytes, size);
    xml[size] = '\0';
    (void)domain_marker_parse(xml, &marker);
    (void)domain_marker_from_xml(xml, &marker);
    static const struct fence_parameter parameter = {"ip", "10.0.0.9"};
    (void)fence_metadata_check("fence_x", xml, &parameter, 1, &err);
    judge(xml);
    redact(xml);
    if (domain_xml_inspect(xml, &info, &err) == 0) {
        assert(info.name[0] && info.cpus > 0 && info.memory_mib > 0);
        compose(xml);
    }
    return 0;
}
