/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's addresses: the aperture for its cards, and the width that this needs. */
#include "domain_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A q35 guest under UEFI with so much memory and 'inside' (<cpu>, say), with 'len' cards. */
static char *wide(const char *memory, const char *inside, const char *devices, uint64_t mmio_mib,
                  uint64_t size, size_t len, uint32_t host_bits)
{
    struct domain_device cards[8] = {0};
    char xml[1500];
    for (size_t i = 0; i < len; i++) {
        cards[i] =
            (struct domain_device){.slot = {{0, (uint8_t)(i + 1), 0, 0}, ""}, .mmio_size = size};
    }
    (void)snprintf(xml, sizeof(xml),
                   "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
                   "<name>a</name><memory unit='GiB'>%s</memory>%s<os firmware='efi'>"
                   "<type machine='q35'>hvm</type></os><devices>%s</devices></domain>",
                   memory, inside, devices);
    return composed(&(struct domain_compose){
        .xml = xml,
        .marker = marker,
        .devices = cards,
        .device_len = len,
        .mmio_mib = mmio_mib,
        .address_bits = host_bits,
    });
}

static const uint64_t h100_size = (UINT64_C(128) << 30) + (64 << 20);

TEST(big_cards_state_the_width_of_addresses_that_they_need)
{
    CLEANUP(freep)
    char *model = wide("512", "<cpu mode='host-model'/>", "", 0, h100_size, 4, 46);
    CHECK_HAS(model, "<maxphysaddr mode=\"emulate\" bits=\"42\"/>");
    CHECK_HAS(model, "<pcihole64 unit=\"KiB\">1073741824</pcihole64>");
    CHECK_HAS(model, "X-PciMmio64Mb,string=1048576");
    CLEANUP(freep)
    char *through = wide("512", "<cpu mode='host-passthrough'/>", "", 0, h100_size, 4, 46);
    CHECK_HAS(through, "<maxphysaddr mode=\"passthrough\"/>");
    CLEANUP(freep) char *none = wide("512", "", "", 0, h100_size, 4, 0);
    CHECK_HAS(none, "<cpu>\n    <maxphysaddr mode=\"emulate\" bits=\"42\"/>\n  </cpu>");
    CLEANUP(freep) char *small = wide("16", "<cpu mode='host-model'/>", "", 0, 1 << 28, 1, 39);
    REQUIRE(small);
    CHECK(!strstr(small, "maxphysaddr"));
}

TEST(a_width_of_the_template_stays_if_it_is_enough_and_is_raised_if_not)
{
    static const char big[] =
        "<cpu mode='host-model'><maxphysaddr mode='emulate' bits='46'/></cpu>";
    static const char little[] =
        "<cpu mode='host-model'><maxphysaddr mode='emulate' bits='40'/></cpu>";
    static const char limited[] =
        "<cpu mode='maximum'><maxphysaddr mode='passthrough' limit='41'/></cpu>";
    CLEANUP(freep) char *kept = wide("512", big, "", 0, h100_size, 4, 48);
    CHECK_HAS(kept, "<maxphysaddr mode=\"emulate\" bits=\"46\"/>");
    CLEANUP(freep) char *raised = wide("512", little, "", 0, h100_size, 4, 48);
    CHECK_HAS(raised, "<maxphysaddr mode=\"emulate\" bits=\"42\"/>");
    CLEANUP(freep) char *limit = wide("512", limited, "", 0, h100_size, 4, 48);
    CHECK_HAS(limit, "<maxphysaddr mode=\"passthrough\" limit=\"42\"/>");
}

TEST(an_aperture_of_the_template_is_never_made_smaller_but_by_the_administrator)
{
    static const char hole[] = "<controller type='pci' index='0' model='pcie-root'>"
                               "<pcihole64 unit='TiB'>1</pcihole64></controller>";
    static const char argument[] =
        "<qemu:commandline><qemu:arg value='-fw_cfg'/>"
        "<qemu:arg value='name=opt/ovmf/X-PciMmio64Mb,string=65536'/></qemu:commandline>";
    CLEANUP(freep) char *kept = wide("16", "", hole, 0, UINT64_C(32) << 30, 1, 46);
    CHECK_HAS(kept, "<pcihole64 unit=\"KiB\">1073741824</pcihole64>");
    CHECK_HAS(kept, "X-PciMmio64Mb,string=1048576");
    CLEANUP(freep) char *ordered = wide("16", "", hole, 65536, UINT64_C(32) << 30, 1, 46);
    CHECK_HAS(ordered, "<pcihole64 unit=\"KiB\">67108864</pcihole64>");
    CLEANUP(freep) char *raised = wide("16", argument, "", 0, h100_size, 1, 46);
    CHECK_HAS(raised, "X-PciMmio64Mb,string=262144");
    REQUIRE(raised);
    CHECK(!strstr(raised, "string=65536"));
}

TEST(what_the_host_cannot_address_is_refused_with_the_numbers)
{
    struct domain_device card = {.slot = {{0, 1, 0, 0}, ""}, .mmio_size = h100_size};
    CLEANUP(buf_done) struct buf none = {0};
    struct error err;
    struct domain_compose compose = {
        .xml = "<domain type='kvm'><name>a</name><memory unit='GiB'>64</memory>"
               "<maxMemory unit='GiB' slots='16'>240</maxMemory>" OS "</domain>",
        .marker = marker,
        .devices = &card,
        .device_len = 1,
        .address_bits = 39,
    };
    CHECK_INT(domain_xml_compose(&compose, &none, &err), -ERANGE);
    CHECK_HAS(err.text, "guest addresses of 40 bits");
    CHECK_HAS(err.text, "256 GiB for GPU memory above 256 GiB of RAM");
    CHECK_HAS(err.text, "have 39");
    compose.address_bits = 40;
    CHECK_INT(domain_xml_compose(&compose, &none, &err), 0);
}

TEST(what_a_guest_on_arm_cannot_address_is_refused_with_the_numbers)
{
    struct domain_device cards[2] = {{.slot = {{0, 1, 0, 0}, ""}, .mmio_size = h100_size},
                                     {.slot = {{2, 1, 0, 0}, ""}, .mmio_size = h100_size}};
    CLEANUP(buf_done) struct buf none = {0};
    struct error err;
    struct domain_compose compose = {
        .xml = "<domain type='kvm'><name>a</name><memory unit='GiB'>64</memory><os>"
               "<type arch='aarch64' machine='virt-8.2'>hvm</type></os></domain>",
        .marker = marker,
        .devices = cards,
        .device_len = 2,
        .address_bits = 48,
    };
    CHECK_INT(domain_xml_compose(&compose, &none, &err), 0);
    CHECK(!strstr(buf_str(&none), "pcihole64"));
    cards[0].mmio_size = cards[1].mmio_size = 2 * h100_size;
    CHECK_INT(domain_xml_compose(&compose, &none, &err), -ERANGE);
    CHECK_HAS(err.text, "needs 1024 GiB for GPU memory, and the machine \"virt\" has 512");
    compose.xml = "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
                  "<name>a</name><memory unit='GiB'>64</memory><os><type arch='aarch64' "
                  "machine='virt'>hvm</type></os><qemu:commandline><qemu:arg value='-machine'/>"
                  "<qemu:arg value='highmem-mmio-size=2T'/></qemu:commandline></domain>";
    CHECK_INT(domain_xml_compose(&compose, &none, &err), 0);
}
