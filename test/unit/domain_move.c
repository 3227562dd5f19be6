/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of domains and hosts concerns VMs that move while they run. */
#include "test/test.h"
#include "wire/domain_xml.h"

#include <errno.h>
#include <string.h>

TEST(the_model_of_the_cpu_is_read_from_the_capabilities)
{
    char model[64];
    domain_cpu_model("<capabilities><host><cpu><arch>x86_64</arch><model>EPYC-Rome</model></cpu>"
                     "</host><guest><cpu><model>x</model></cpu></guest></capabilities>",
                     model, sizeof(model));
    CHECK_STR(model, "EPYC-Rome");
    domain_cpu_model("<capabilities><host><cpu/></host></capabilities>", model, sizeof(model));
    CHECK_STR(model, "");
    domain_cpu_model("", model, sizeof(model));
    CHECK_STR(model, "");
}

/* libvirt's own dump of what runs, and nothing but the marker changes. */
TEST(a_domain_that_moves_gets_the_marker_of_its_copy)
{
    const struct domain_marker copy = {
        .vm = "v", .epoch = 8, .incarnation = 3, .node = "b", .cluster = "0f"};
    struct buf text = {0};
    struct error err;
    CHECK_INT(domain_xml_remark("<domain type='kvm' id='3'><name>v</name><metadata>"
                                "<b:instance xmlns:b='urn:berth:domain:1' vm='v' epoch='7' "
                                "incarnation='2' node='a'/><o:x xmlns:o='urn:o'/></metadata>"
                                "<sysinfo type='fwcfg'><entry name='opt/berth/instance'>0f/v/7/2/a"
                                "</entry><entry name='opt/other'>1</entry></sysinfo></domain>",
                                &copy, &text, &err),
              0);
    struct domain_marker back = {0};
    CHECK(domain_marker_from_xml(buf_str(&text), &back));
    CHECK(back.epoch == 8 && back.incarnation == 3);
    CHECK_STR(back.node, "b");
    CHECK_HAS(buf_str(&text), "<entry name=\"opt/berth/instance\">0f/v/8/3/b</entry>");
    CHECK_HAS(buf_str(&text), "<entry name=\"opt/other\">1</entry>");
    CHECK_HAS(buf_str(&text), "urn:o");
    CHECK(!strstr(buf_str(&text), "v/7/2/a"));
    buf_done(&text);
    CHECK_INT(domain_xml_remark("no xml", &copy, &text, &err), -EINVAL);
    buf_done(&text);
}
