/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of domains and hosts concerns VMs that move while they run. */
#include "test/test.h"
#include "wire/domain_xml.h"

#include <errno.h>
#include <stdio.h>
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

/* What is said of a domain with 'device' among its devices. */
static void says(const char *device, const char *unmovable)
{
    char xml[600];
    struct domain_info info;
    (void)snprintf(xml, sizeof(xml),
                   "<domain type='kvm'><name>a</name><memory>1048576</memory><vcpu>1</vcpu>"
                   "<os><type>hvm</type></os><devices>%s</devices></domain>",
                   device);
    REQUIRE(domain_xml_inspect(xml, &info, NULL) == 0);
    CHECK_STR(info.unmovable, unmovable);
    struct vm_spec spec = {0};
    domain_info_into(&info, &spec);
    CHECK_STR(spec.unmovable, unmovable);
}

TEST(what_does_not_move_live_of_a_template_is_named)
{
    says("", "");
    says(
        "<disk type='file'><source file='/a'/></disk><interface type='network'/>"
        "<tpm><backend type='emulator'/></tpm><serial type='dev'><source path='/dev/ttyS0'/></serial>",
        "");
    says("<hostdev type='usb'><source><address bus='1' device='7'/></source></hostdev>",
         "<hostdev type='usb'>");
    says("<filesystem><source dir='/srv/x'/></filesystem>", "<filesystem>");
    says("<filesystem type='mount'><source dir='/srv/x'/></filesystem>",
         "<filesystem type='mount'>");
    says("<interface type='hostdev'/>", "<interface type='hostdev'>");
    says("<disk type='nvme'><source/></disk>", "<disk type='nvme'>");
    says("<shmem name='x'/>", "<shmem>");
    says("<shmem name='x' role='master'/>", "<shmem>"); /* the old device is libvirt's default */
    says("<shmem name='x' role='peer'><model type='ivshmem-plain'/></shmem>", "<shmem>");
    says("<shmem name='x' role='master'><model type='ivshmem-plain'/></shmem>", "");
    says("<tpm><backend type='passthrough'/></tpm>", "<backend type='passthrough'>");
}
