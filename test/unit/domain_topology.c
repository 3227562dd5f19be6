/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that are built like their host. That libvirt and QEMU take them: test/live/virt_embed.c.
 */
#include "test/test.h"
#include "wire/domain_xml.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

/* Two sockets, each with 32 threads and 256 GiB. */
static const struct numa_node two_sockets[] = {
    {.id = 0, .cpus = 32, .cpu_list = "0-15,32-47", .memory_mib = 262144},
    {.id = 1, .cpus = 32, .cpu_list = "16-31,48-63", .memory_mib = 262144},
};

#define GUEST(inside, devices)                                                                     \
    "<domain type='kvm'><name>a</name><memory unit='GiB'>64</memory><vcpu>8</vcpu>" inside         \
    "<os firmware='efi'><type machine='q35'>hvm</type></os><devices>" devices                      \
    "</devices></domain>"

/* What is started of 'xml' with a card on each of 'nodes' of the host. The caller frees it. */
static char *mirrored(const char *xml, const int32_t *nodes, size_t len)
{
    struct domain_device cards[gpus_per_vm_max] = {0};
    struct domain_compose compose = {
        .xml = xml, .marker = {.epoch = 1, .vm = "a"}, .devices = cards, .device_len = len};
    struct buf text = {0};
    struct error err = {0};
    for (size_t i = 0; i < len; i++) {
        cards[i] = (struct domain_device){.slot = {{0, (uint8_t)(0x10 + i), 0, 0}, ""},
                                          .numa_node = nodes[i],
                                          .mmio_size = UINT64_C(1) << 35};
    }
    memcpy(compose.host_nodes, two_sockets, sizeof(two_sockets));
    compose.host_node_len = ARRAY_LEN(two_sockets);
    if (domain_xml_compose(&compose, &text, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
        buf_done(&text);
        return NULL;
    }
    return buf_take(&text);
}

TEST(a_guest_gets_a_numa_node_for_each_of_the_hosts_on_which_its_cards_are)
{
    CLEANUP(freep) char *both = mirrored(GUEST("", ""), (int32_t[]){0, 1}, 2);
    CHECK_HAS(both, "<cell id=\"0\" cpus=\"0-3\" memory=\"33554432\" unit=\"KiB\"/>");
    CHECK_HAS(both, "<cell id=\"1\" cpus=\"4-7\" memory=\"33554432\" unit=\"KiB\"/>");
    CHECK_HAS(both, "<memnode cellid=\"0\" mode=\"preferred\" nodeset=\"0\"/>");
    CHECK_HAS(both, "<memnode cellid=\"1\" mode=\"preferred\" nodeset=\"1\"/>");
    CHECK_HAS(both, "<vcpupin vcpu=\"3\" cpuset=\"0-15,32-47\"/>");
    CHECK_HAS(both, "<vcpupin vcpu=\"4\" cpuset=\"16-31,48-63\"/>");
    CLEANUP(freep) char *second = mirrored(GUEST("", ""), (int32_t[]){1, 1}, 2);
    CHECK_HAS(second, "<cell id=\"0\" cpus=\"0-7\" memory=\"67108864\" unit=\"KiB\"/>");
    CHECK_HAS(second, "<memnode cellid=\"0\" mode=\"preferred\" nodeset=\"1\"/>");
    CHECK_HAS(second, "<vcpupin vcpu=\"0\" cpuset=\"16-31,48-63\"/>");
    REQUIRE(second);
    CHECK(!strstr(second, "<cell id=\"1\"") && !strstr(second, "0-15"));
}

TEST(the_cards_stand_behind_a_bus_of_their_numa_node)
{
    CLEANUP(freep) char *both = mirrored(GUEST("", ""), (int32_t[]){1, 0, 1}, 3);
    /* 251: itself and a port; 253: itself and two. */
    CHECK_HAS(both, "<controller type=\"pci\" index=\"1\" model=\"pcie-expander-bus\">\n"
                    "      <target busNr=\"251\">\n        <node>0</node>");
    CHECK_HAS(both, "<controller type=\"pci\" index=\"2\" model=\"pcie-expander-bus\">\n"
                    "      <target busNr=\"253\">\n        <node>1</node>");
    CHECK_HAS(both, "index=\"3\" model=\"pcie-root-port\">\n      <address type=\"pci\" "
                    "domain=\"0x0000\" bus=\"0x02\" slot=\"0x00\"");
    CHECK_HAS(both, "index=\"4\" model=\"pcie-root-port\">\n      <address type=\"pci\" "
                    "domain=\"0x0000\" bus=\"0x01\" slot=\"0x00\"");
    CHECK_HAS(both, "index=\"5\" model=\"pcie-root-port\">\n      <address type=\"pci\" "
                    "domain=\"0x0000\" bus=\"0x02\" slot=\"0x01\"");
    /* i440fx has no such bus. */
    CLEANUP(freep)
    char *old = mirrored("<domain type='kvm'><name>a</name><memory>8388608</memory><vcpu>2</vcpu>"
                         "<os><type machine='pc'>hvm</type></os></domain>",
                         (int32_t[]){0, 1}, 2);
    CHECK_HAS(old, "<cell id=\"1\" cpus=\"1-1\"");
    REQUIRE(old);
    CHECK(!strstr(old, "expander"));
}

TEST(memory_and_cpus_that_one_node_has_not_come_from_the_next_as_well)
{
    CLEANUP(freep)
    char *big = mirrored("<domain type='kvm'><name>a</name><memory unit='GiB'>300</memory>"
                         "<vcpu>16</vcpu><os><type machine='q35'>hvm</type></os></domain>",
                         (int32_t[]){1}, 1);
    CHECK_HAS(big, "<cell id=\"0\" cpus=\"0-7\" memory=\"157286400\"");
    CHECK_HAS(big, "<memnode cellid=\"1\" mode=\"preferred\" nodeset=\"1\"/>");
    CHECK_HAS(big, "<node>1</node>");
    REQUIRE(big);
    CHECK(!strstr(big, "<node>0</node>")); /* no card is there */
}

TEST(huge_pages_and_cores_are_not_cut_where_a_node_ends)
{
    CLEANUP(freep)
    char *odd =
        mirrored("<domain type='kvm'><name>a</name><memory unit='GiB'>7</memory><vcpu>6</vcpu>"
                 "<memoryBacking><hugepages><page size='1' unit='G'/></hugepages></memoryBacking>"
                 "<cpu mode='host-passthrough'><topology sockets='1' cores='3' threads='2'/></cpu>"
                 "<os><type machine='q35'>hvm</type></os></domain>",
                 (int32_t[]){0, 1}, 2);
    CHECK_HAS(odd, "<cell id=\"0\" cpus=\"0-1\" memory=\"3145728\"");
    CHECK_HAS(odd, "<cell id=\"1\" cpus=\"2-5\" memory=\"4194304\"");
    CLEANUP(freep)
    char *tiny = mirrored("<domain type='kvm'><name>a</name><memory unit='GiB'>7</memory><vcpu>1"
                          "</vcpu><os><type machine='q35'>hvm</type></os></domain>",
                          (int32_t[]){0, 1}, 2);
    CHECK_HAS(tiny, "<cell id=\"0\" cpus=\"0-0\" memory=\"7340032\"");
    REQUIRE(tiny);
    CHECK(!strstr(tiny, "<cell id=\"1\""));
}

#define CELLS                                                                                      \
    "<cpu><numa><cell id='0' cpus='0-1' memory='32' unit='GiB'/>"                                  \
    "<cell id='1' cpus='2-7' memory='32' unit='GiB'/></numa></cpu>"

#define OWN_BUS                                                                                    \
    "<controller type='pci' index='1' model='pcie-expander-bus'><target busNr='100'>"              \
    "<node>1</node></target></controller>"

TEST(what_a_template_says_itself_stays_and_is_completed)
{
    CLEANUP(freep) char *cells = mirrored(GUEST(CELLS, OWN_BUS), (int32_t[]){1}, 1);
    CHECK_HAS(cells, "<memnode cellid=\"1\" mode=\"preferred\" nodeset=\"1\"/>");
    CHECK_HAS(cells, "<vcpupin vcpu=\"1\" cpuset=\"0-15,32-47\"/>");
    CHECK_HAS(cells, "<vcpupin vcpu=\"2\" cpuset=\"16-31,48-63\"/>");
    CHECK_HAS(cells, "bus=\"0x01\" slot=\"0x00\""); /* the port, on the template's own bus */
    REQUIRE(cells);
    CHECK(!strstr(strstr(cells, "pcie-expander-bus") + 1, "pcie-expander-bus"));
    CLEANUP(freep)
    char *crossed = mirrored(
        GUEST(CELLS "<numatune><memnode cellid='0' mode='strict' nodeset='1'/><memnode cellid='1' "
                    "mode='strict' nodeset='0'/></numatune><cputune><vcpupin vcpu='0' "
                    "cpuset='16'/></cputune>",
              ""),
        (int32_t[]){1}, 1);
    CHECK_HAS(crossed, "<node>0</node>");
    REQUIRE(crossed);
    CHECK(!strstr(crossed, "preferred") && !strstr(crossed, "vcpu=\"1\""));
    CLEANUP(freep)
    char *bound = mirrored(GUEST("<numatune><memory mode='strict' nodeset='0'/></numatune>", ""),
                           (int32_t[]){1}, 1);
    REQUIRE(bound);
    CHECK(!strstr(bound, "<cell") && !strstr(bound, "vcpupin") && !strstr(bound, "expander"));
}

TEST(cpus_are_pinned_where_the_template_binds_the_memory)
{
    CLEANUP(freep)
    char *one =
        mirrored(GUEST(CELLS "<numatune><memory mode='strict' nodeset='1'/></numatune>", ""),
                 (int32_t[]){1}, 1);
    CHECK_HAS(one, "<vcpupin vcpu=\"0\" cpuset=\"16-31,48-63\"/>");
    REQUIRE(one);
    CHECK(!strstr(one, "cpuset=\"0-15,32-47\""));
    CLEANUP(freep)
    char *both =
        mirrored(GUEST(CELLS "<numatune><memory mode='interleave' nodeset='0-1'/></numatune>", ""),
                 (int32_t[]){1}, 1);
    REQUIRE(both);
    CHECK(!strstr(both, "vcpupin"));
}

TEST(a_bus_that_a_device_of_the_template_stands_on_is_not_taken)
{
    CLEANUP(freep)
    char *guest = mirrored(
        GUEST("", "<interface type='network'><source network='default'/><address type='pci' "
                  "domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface>"),
        (int32_t[]){1}, 1);
    CHECK_HAS(guest, "<controller type=\"pci\" index=\"2\" model=\"pcie-expander-bus\">");
}

TEST(a_guest_without_cards_on_a_known_node_is_as_its_template_says)
{
    CLEANUP(freep) char *none = mirrored(GUEST("", ""), NULL, 0);
    CLEANUP(freep) char *unknown = mirrored(GUEST("", ""), (int32_t[]){-1, 7}, 2);
    REQUIRE(none && unknown);
    CHECK(!strstr(none, "<cell") && !strstr(none, "vcpupin"));
    CHECK(!strstr(unknown, "<cell") && !strstr(unknown, "expander"));
}
