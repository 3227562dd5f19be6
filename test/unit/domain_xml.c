/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain_text.h"

#include <errno.h>
#include <stdlib.h>

#define BASICS "<name>cad-7</name><memory unit='MiB'>64</memory>" OS

static int refused(const char *xml, struct error *err)
{
    struct domain_info info = {.cpus = 99};
    int r = domain_xml_inspect(xml, &info, err);
    CHECK(r == 0 || info.cpus == 99);
    return r;
}

TEST(a_template_says_its_name_uuid_cpus_memory_and_firmware)
{
    struct domain_info info;
    struct error err;
    REQUIRE(domain_xml_inspect(
                "<?xml version='1.0'?>\n<domain type='kvm'><name>cad-7</name>"
                "<uuid>AAAAAAAA2222-4333-8444-555555555555</uuid>"
                "<memory unit='GiB'>2</memory><vcpu current='2'>4</vcpu>"
                "<os><type machine='pc-q35-7.2'>hvm</type>"
                "<loader type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader></os></domain>",
                &info, &err) == 0);
    CHECK_STR(info.name, "cad-7");
    CHECK_STR(info.uuid, "aaaaaaaa-2222-4333-8444-555555555555");
    CHECK_INT(info.cpus, 2);
    CHECK_INT(info.memory_mib, 2048);
    CHECK_STR(info.type, "kvm");
    CHECK_STR(info.machine, "pc-q35-7.2");
    CHECK_INT(info.firmware, DOMAIN_FIRMWARE_UEFI);
}

TEST(what_a_template_leaves_out_is_what_libvirt_would_take)
{
    struct domain_info info;
    REQUIRE(domain_xml_inspect("<domain type='qemu'><name>a</name><memory> 1025 </memory>"
                               "<os><type>hvm</type></os></domain>",
                               &info, NULL) == 0);
    CHECK_INT(info.memory_mib, 2); /* KiB, rounded up */
    CHECK_INT(info.cpus, 1);
    CHECK_STR(info.uuid, "");
    CHECK_STR(info.machine, "");
    CHECK_INT(info.firmware, DOMAIN_FIRMWARE_BIOS);
    REQUIRE(domain_xml_inspect("<domain type='qemu'><name>a</name><memory unit='MB'>1</memory><os>"
                               "<type>hvm</type><loader type='rom'>/usr/share/qemu/qboot.rom"
                               "</loader></os></domain>",
                               &info, NULL) == 0);
    CHECK_INT(info.memory_mib, 1);
    CHECK_INT(info.firmware, DOMAIN_FIRMWARE_OTHER);
}

TEST(the_networks_of_a_template_and_the_nodes_to_which_it_binds_memory_are_read)
{
    struct domain_info info;
    REQUIRE(domain_xml_inspect(
                "<domain type='kvm'><name>a</name><memory unit='GiB'>8</memory><os><type>hvm</type>"
                "</os><cpu><numa><cell id='0' cpus='0' memory='2' unit='GiB'/>"
                "<cell id='1' cpus='1' memory='3145728'/><cell id='2' cpus='2' memory='3' "
                "unit='GiB'/></numa></cpu><numatune><memory mode='strict' nodeset='0-1'/>"
                "<memnode cellid='1' mode='strict' nodeset='1'/><memnode cellid='2' "
                "mode='preferred' nodeset='0'/></numatune><devices>"
                "<interface type='network'><source network='default'/></interface>"
                "<interface type='bridge'><source bridge='br0'/></interface>"
                "<interface type='bridge'><source bridge='br0'/></interface>"
                "<interface type='direct'><source dev='eno1' mode='bridge'/></interface>"
                "<interface type='user'/></devices></domain>",
                &info, NULL) == 0);
    REQUIRE(info.names.network_len == 3);
    CHECK_STR(info.names.networks[0].name, "network default");
    CHECK_STR(info.names.networks[1].name, "bridge br0");
    CHECK_STR(info.names.networks[2].name, "interface eno1");
    REQUIRE(info.names.bind_len == 2);
    CHECK_INT(info.names.binds[0].nodes, 3);
    CHECK_INT(info.names.binds[0].memory_mib, 2048);
    CHECK_INT(info.names.binds[1].nodes, 2);
    CHECK_INT(info.names.binds[1].memory_mib, 3072);
    REQUIRE(domain_xml_inspect("<domain type='kvm'><name>a</name><memory unit='GiB'>8</memory>"
                               "<os><type>hvm</type></os><numatune><memory nodeset='1'/>"
                               "</numatune></domain>",
                               &info, NULL) == 0);
    REQUIRE(info.names.bind_len == 1);
    CHECK_INT(info.names.binds[0].nodes, 2);
    CHECK_INT(info.names.binds[0].memory_mib, 8192);
    REQUIRE(domain_xml_inspect("<domain type='kvm'><name>a</name><memory unit='GiB'>8</memory>"
                               "<os><type>hvm</type></os><numatune><memory placement='auto'/>"
                               "</numatune></domain>",
                               &info, NULL) == 0);
    CHECK_INT(info.names.bind_len, 0);
    REQUIRE(domain_xml_inspect("<domain type='kvm'><name>a</name><memory unit='GiB'>8</memory>"
                               "<os><type>hvm</type></os><numatune><memory nodeset='1,40'/>"
                               "</numatune></domain>",
                               &info, NULL) == 0);
    CHECK_INT(info.names.bind_len, 0); /* node 40 may have it all */
}

static uint32_t page_kib(const char *backing)
{
    char xml[400];
    struct domain_info info;
    (void)snprintf(xml, sizeof(xml), "<domain type='kvm'>" BASICS "%s</domain>", backing);
    REQUIRE(domain_xml_inspect(xml, &info, NULL) == 0);
    return info.huge_page_kib;
}

TEST(the_size_of_huge_pages_is_read_or_left_to_the_host)
{
    CHECK_INT(page_kib(""), 0);
    CHECK_INT(page_kib("<memoryBacking><locked/></memoryBacking>"), 0);
    CHECK_INT(page_kib("<memoryBacking><hugepages/></memoryBacking>"), huge_page_default);
    CHECK_INT(page_kib("<memoryBacking><hugepages><page size='1' unit='G'/></hugepages>"
                       "</memoryBacking>"),
              1048576);
    CHECK_INT(page_kib("<memoryBacking><hugepages><page size='2048'/></hugepages></memoryBacking>"),
              2048);
}

TEST(what_is_no_domain_is_refused_in_words)
{
    struct error err;
    CHECK_INT(refused("", &err), -EINVAL);
    CHECK_HAS(err.text, "is no XML");
    CHECK_INT(refused("<domain>\n<name>a</nome></domain>", &err), -EINVAL);
    CHECK_HAS(err.text, "line 2");
    CHECK_INT(refused("<network/>", &err), -EINVAL);
    CHECK_HAS(err.text, "<network>, not a libvirt <domain>");
    CHECK_INT(refused("<domain type='kvm'/>", &err), -EINVAL);
    CHECK_HAS(err.text, "no <name>");
    CHECK_INT(refused("<domain type='kvm'><name>a</name></domain>", &err), -EINVAL);
    CHECK_HAS(err.text, "no <memory>");
    CHECK_INT(refused("<domain><name>a</name><memory>9999</memory></domain>", &err), -EINVAL);
    CHECK_HAS(err.text, "type='kvm'");
}

TEST(a_name_that_berth_cannot_use_is_the_nearest_that_it_can_with_the_own_one_as_title)
{
    struct domain_info info;
    REQUIRE(domain_xml_inspect("<domain type='kvm'><name>Windows 10 (Büro)</name>"
                               "<memory>9999</memory>" OS "</domain>",
                               &info, NULL) == 0);
    CHECK_STR(info.name, "Windows-10-Buero");
    CHECK_STR(info.title, "Windows 10 (Büro)");
    REQUIRE(domain_xml_inspect("<domain type='kvm'>" BASICS "</domain>", &info, NULL) == 0);
    CHECK_STR(info.title, "");
}

TEST(bad_numbers_of_a_template_are_named)
{
    struct error err;
    CHECK_INT(refused("<domain><name>a</name><memory>0</memory></domain>", &err), -EINVAL);
    CHECK_HAS(err.text, "<memory> \"0\"");
    CHECK_INT(refused("<domain><name>a</name><memory>1 2</memory></domain>", &err), -EINVAL);
    CHECK_INT(refused("<domain><name>a</name><memory unit='TiB'>18446744073709551615</memory>"
                      "</domain>",
                      &err),
              -EINVAL);
    CHECK_INT(refused("<domain><name>a</name><memory unit='pt'>1</memory></domain>", &err),
              -EINVAL);
    CHECK_HAS(err.text, "\"pt\"");
    CHECK_INT(refused("<domain><name>a</name><memory>9</memory><vcpu>0</vcpu></domain>", &err),
              -EINVAL);
    CHECK_HAS(err.text, "<vcpu> \"0\"");
    CHECK_INT(refused("<domain><name>a</name><uuid>1-2</uuid></domain>", &err), -EINVAL);
    CHECK_HAS(err.text, "\"1-2\" is no UUID");
}

TEST(a_template_with_a_card_of_one_host_is_refused)
{
    struct error err;
    CHECK_INT(refused("<domain type='kvm'>" BASICS
                      "<devices>\n<hostdev mode='subsystem' type='pci'>"
                      "</hostdev></devices></domain>",
                      &err),
              -EEXIST);
    CHECK_HAS(err.text, "line 2");
    CHECK_HAS(err.text, "Berth adds the GPUs itself");
    CHECK_INT(refused("<domain type='kvm'>" BASICS "<devices/><devices>"
                      "<hostdev mode='subsystem' type='mdev'/></devices></domain>",
                      &err),
              -EEXIST);
    CHECK_INT(
        refused("<domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>" BASICS
                "<q:commandline><q:arg value='vfio-pci,host=01:00.0'/></q:commandline>"
                "</domain>",
                &err),
        -EEXIST);
    CHECK_INT(refused("<domain type='kvm'>" BASICS "<devices><hostdev mode='subsystem' type='usb'/>"
                      "</devices></domain>",
                      &err),
              0);
}

/* The file would be read, or the memory filled, if the DOCTYPE were let in. */
TEST(a_doctype_is_refused_before_its_entities_are_read)
{
    struct error err;
    CHECK_INT(refused("<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>"
                      "<domain type='kvm'><name>&x;</name></domain>",
                      &err),
              -EINVAL);
    CHECK_HAS(err.text, "DOCTYPE");
    CHECK_INT(refused("<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
                      "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><domain>&c;</domain>",
                      &err),
              -EINVAL);
    CHECK_HAS(err.text, "DOCTYPE");
    CHECK_INT(refused("<domain type='kvm'><name>&nothing;</name></domain>", &err), -EINVAL);
    CHECK_HAS(err.text, "nothing");
}

TEST(a_template_may_have_just_the_size_that_is_allowed)
{
    CLEANUP(freep) char *xml = malloc(domain_xml_size_max + 2);
    const char *head = "<domain type='kvm'>" BASICS "</domain>";
    struct error err;
    memset(xml, ' ', domain_xml_size_max + 1);
    memcpy(xml, head, strlen(head));
    xml[domain_xml_size_max] = '\0';
    CHECK_INT(refused(xml, &err), 0);
    xml[domain_xml_size_max] = ' ';
    xml[domain_xml_size_max + 1] = '\0';
    CHECK_INT(refused(xml, &err), -E2BIG);
    CHECK_HAS(err.text, "more than 256 KiB");
}

TEST(a_marker_is_read_back_from_text_element_and_domain)
{
    char text[domain_marker_text_size];
    struct domain_marker back = {0};
    CHECK_STR(domain_marker_format(&marker, text),
              "0f0e0d0c-0001-4002-8003-000000000004/cad-7/3/77/node1");
    REQUIRE(domain_marker_parse(text, &back));
    CHECK(memcmp(&back.epoch, &marker.epoch, 16) == 0);
    CHECK_STR(back.node, "node1");
    CHECK(!domain_marker_parse("cad-7/3/77", &back));
    CHECK_STR(back.cluster, marker.cluster);
    CHECK(domain_marker_is_of(&back, marker.cluster) && !domain_marker_is_of(&back, "0f"));
    CHECK(domain_marker_is_of(&back, "")); /* not known yet: not passed over */
    CHECK(domain_marker_parse("cad-7/3/77/node1", &back));
    CHECK_STR(back.cluster, "");
    CHECK(domain_marker_is_of(&back, marker.cluster));
    CHECK(!domain_marker_parse("no hex/cad-7/3/77/node1", &back));
    CHECK(!domain_marker_parse("0f/cad-7/3/77/node1/x", &back));
    CHECK(!domain_marker_parse("cad-7/-3/77/node1", &back));
    CHECK(!domain_marker_parse("cad-7/0/77/node1", &back)); /* no order could name it */
    CHECK(!domain_marker_from_xml("<instance vm='b' epoch='0' incarnation='5' node='n'/>", &back));
    CHECK(domain_marker_from_xml("<instance vm='b' epoch='4' incarnation='5' node='n'/>", &back));
    CHECK_STR(back.vm, "b");
    CHECK_INT(back.epoch, 4);
    CHECK(domain_marker_from_xml(
        "<domain><metadata><o:instance xmlns:o='urn:other' vm='x' epoch='1' incarnation='1' "
        "node='n'/><b:instance xmlns:b='urn:berth:domain:1' vm='c' epoch='6' incarnation='7' "
        "node='n'/></metadata></domain>",
        &back));
    CHECK_STR(back.vm, "c");
    CHECK(!domain_marker_from_xml("<instance vm='b' epoch='4' node='n'/>", &back));
    CHECK(!domain_marker_from_xml("<domain><metadata/></domain>", &back));
    CHECK(!domain_marker_from_xml("", &back));
}

TEST(the_users_of_qemu_are_the_dac_labels_of_the_hosts_capabilities)
{
    uint32_t users[2] = {0};
    CHECK_INT(
        domain_users("<capabilities><host><secmodel><model>apparmor</model>"
                     "<baselabel type='kvm'>+7:+7</baselabel></secmodel><secmodel>"
                     "<model>dac</model><doi>0</doi><baselabel type='kvm'>+64055:+108</baselabel>"
                     "<baselabel type='qemu'>+64055:+108</baselabel><baselabel type='x'>+9:+9"
                     "</baselabel></secmodel></host></capabilities>",
                     users, ARRAY_LEN(users)),
        2);
    CHECK(users[0] == 64055 && users[1] == 64055);
    CHECK_INT(domain_users("<capabilities><host/></capabilities>", users, 2), 0);
    CHECK_INT(domain_users("", users, 2), 0);
}

/* ---- composing: whole texts, since each word of them is what libvirt gets ---- */

TEST(a_guest_does_not_see_the_rom_of_a_card_whose_pool_hides_it)
{
    struct domain_device card = {
        .slot = {{0, 0x65, 0, 0}, ""}, .mmio_size = 16 << 20, .is_rom_hidden = true};
    struct domain_compose compose = {
        .xml = "<domain type='kvm'><name>old</name><memory unit='MiB'>64</memory>" OS
               "<devices/></domain>",
        .marker = marker,
        .devices = &card,
        .device_len = 1,
    };
    CLEANUP(freep) char *hidden = composed(&compose);
    CHECK_HAS(hidden, "      </source>\n      <rom bar=\"off\"/>\n    </hostdev>\n");
    card.is_rom_hidden = false;
    CLEANUP(freep) char *seen = composed(&compose);
    CHECK(!strstr(seen, "<rom"));
}

TEST(one_card_on_q35_becomes_a_managed_hostdev_that_libvirt_places)
{
    struct domain_device card = {.slot = {{0, 0x65, 0, 0}, ""}, .mmio_size = 16 << 20};
    CLEANUP(freep)
    char *text = composed(&(struct domain_compose){
        .xml = "<domain type='kvm' id='9'><name>old</name><memory unit='MiB'>64</memory>\n\n" OS
               "<on_poweroff>preserve</on_poweroff><devices>  <serial type='null'/></devices>"
               "</domain>",
        .uuid = "aaaaaaaa-2222-4333-8444-555555555555",
        .marker = marker,
        .devices = &card,
        .device_len = 1,
    });
    CHECK_STR(text,
              "<domain type=\"kvm\">\n"
              "  <name>cad-7</name>\n"
              "  <memory unit=\"MiB\">64</memory>\n"
              "  <os>\n"
              "    <type arch=\"x86_64\" machine=\"q35\">hvm</type>\n"
              "  </os>\n"
              "  <on_poweroff>destroy</on_poweroff>\n"
              "  <devices>\n"
              "    <serial type=\"null\"/>\n"
              "    <hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\">\n"
              "      <driver name=\"vfio\"/>\n"
              "      <source>\n"
              "        <address domain=\"0x0000\" bus=\"0x65\" slot=\"0x00\" function=\"0x0\"/>\n"
              "      </source>\n"
              "    </hostdev>\n"
              "    <controller type=\"pci\" index=\"0\" model=\"pcie-root\">\n"
              "      <pcihole64 unit=\"KiB\">33554432</pcihole64>\n"
              "    </controller>\n"
              "  </devices>\n"
              "  <uuid>aaaaaaaa-2222-4333-8444-555555555555</uuid>\n"
              "  <metadata>\n"
              "    <berth:instance xmlns:berth=\"urn:berth:domain:1\" "
              "cluster=\"0f0e0d0c-0001-4002-8003-000000000004\" vm=\"cad-7\" epoch=\"3\" "
              "incarnation=\"77\" node=\"node1\"/>\n"
              "  </metadata>\n"
              "  <sysinfo type=\"fwcfg\">\n"
              "    <entry name=\"opt/berth/instance\">"
              "0f0e0d0c-0001-4002-8003-000000000004/cad-7/3/77/node1</entry>\n"
              "  </sysinfo>\n"
              "  <on_crash>destroy</on_crash>\n"
              "</domain>\n");
}

/* The text between the marks, or "" */
static const char *between(const char *text, const char *from, const char *to, char *ret,
                           size_t size)
{
    const char *begin = text ? strstr(text, from) : NULL;
    const char *end = begin ? strstr(begin, to) : NULL;
    size_t len = end ? MIN((size_t)(end - begin), size - 1) : 0;
    memcpy(ret, begin ? begin : "", len);
    ret[len] = '\0';
    return ret;
}

TEST(a_card_and_its_audio_function_share_one_slot_behind_a_port_of_their_own)
{
    char part[2000];
    struct domain_device card = {
        .slot = {{0, 0x65, 0, 0}, ""},
        .companions = {{0, 0x65, 0, 1}, {0, 0x66, 2, 0}},
        .companion_len = 2,
    };
    CLEANUP(freep)
    char *text = composed(&(struct domain_compose){
        .xml = "<domain type='kvm'>" BASICS "<devices><controller type='pci' index='2' "
               "model='pcie-root-port'/><disk><address type='pci' bus='0x04' slot='0'/></disk>"
               "</devices></domain>",
        .marker = marker,
        .devices = &card,
        .device_len = 1,
    });
    CHECK_STR(between(text, "    <controller type=\"pci\" index=\"5\"", "  </devices>", part,
                      sizeof(part)),
              "    <controller type=\"pci\" index=\"5\" model=\"pcie-root-port\"/>\n"
              "    <hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\">\n"
              "      <driver name=\"vfio\"/>\n"
              "      <source>\n"
              "        <address domain=\"0x0000\" bus=\"0x65\" slot=\"0x00\" function=\"0x0\"/>\n"
              "      </source>\n"
              "      <address type=\"pci\" domain=\"0x0000\" bus=\"0x05\" slot=\"0x00\" "
              "function=\"0x0\" multifunction=\"on\"/>\n"
              "    </hostdev>\n"
              "    <hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\">\n"
              "      <driver name=\"vfio\"/>\n"
              "      <source>\n"
              "        <address domain=\"0x0000\" bus=\"0x65\" slot=\"0x00\" function=\"0x1\"/>\n"
              "      </source>\n"
              "      <address type=\"pci\" domain=\"0x0000\" bus=\"0x05\" slot=\"0x00\" "
              "function=\"0x1\"/>\n"
              "    </hostdev>\n"
              "    <hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\">\n"
              "      <driver name=\"vfio\"/>\n"
              "      <source>\n"
              "        <address domain=\"0x0000\" bus=\"0x66\" slot=\"0x02\" function=\"0x0\"/>\n"
              "      </source>\n"
              "    </hostdev>\n");
}

TEST(on_i440fx_the_functions_take_the_highest_free_slot)
{
    struct domain_device cards[2] = {
        {.slot = {{0, 1, 0, 2}, ""}, .companions = {{0, 1, 0, 3}}, .companion_len = 1},
        {.slot = {{0, 1, 0, 3}, ""}, .companions = {{0, 1, 0, 2}}, .companion_len = 1},
    };
    CLEANUP(freep)
    char *text = composed(&(struct domain_compose){
        .xml = "<domain type='qemu'><name>a</name><memory>9999</memory><os><type machine='pc'>hvm"
               "</type></os><devices><video><address type='pci' bus='0' slot='0x1f'/></video>"
               "</devices></domain>",
        .marker = marker,
        .devices = cards,
        .device_len = 2,
        .mmio_mib = 65536,
    });
    CHECK_HAS(text, "bus=\"0x00\" slot=\"0x1e\" function=\"0x0\" multifunction=\"on\"/>");
    CHECK_HAS(text, "bus=\"0x00\" slot=\"0x1e\" function=\"0x3\"/>");
    CHECK_HAS(text, "<controller type=\"pci\" index=\"0\" model=\"pci-root\">");
    CHECK_HAS(text, "<pcihole64 unit=\"KiB\">67108864</pcihole64>");
    const char *again = text ? strstr(text, "function=\"0x3\"/>\n      </source>") : NULL;
    REQUIRE(again);
    CHECK(!strstr(strstr(again, "</source>") + 1, "</source>")); /* each function once */
}

TEST(partitions_become_a_virtual_function_or_a_mediated_device)
{
    char part[2000];
    struct domain_device partitions[2] = {
        {.slot = {{0, 1, 0, 0}, "0000:01:00.4"}},
        {.slot = {{0, 2, 0, 0}, "11111111-1111-4111-8111-111111111111"}},
    };
    struct domain_compose compose = {
        .xml = "<domain type='kvm'>" BASICS "</domain>",
        .marker = marker,
        .devices = partitions,
        .device_len = 2,
    };
    CLEANUP(freep) char *text = composed(&compose);
    CHECK_STR(between(text, "  <devices>", "  <metadata>", part, sizeof(part)),
              "  <devices>\n"
              "    <hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\">\n"
              "      <driver name=\"vfio\"/>\n"
              "      <source>\n"
              "        <address domain=\"0x0000\" bus=\"0x01\" slot=\"0x00\" function=\"0x4\"/>\n"
              "      </source>\n"
              "    </hostdev>\n"
              "    <hostdev mode=\"subsystem\" type=\"mdev\" model=\"vfio-pci\">\n"
              "      <source>\n"
              "        <address uuid=\"11111111-1111-4111-8111-111111111111\"/>\n"
              "      </source>\n"
              "    </hostdev>\n"
              "  </devices>\n");
    /* libvirt would take a managed one to vfio-pci. */
    partitions[0].backend = GPU_BACKEND_VENDOR;
    CLEANUP(freep) char *vendor = composed(&compose);
    CHECK_HAS(vendor, "type=\"pci\" managed=\"no\"");
    CHECK(!strstr(vendor, "managed=\"yes\""));
    partitions[0] = (struct domain_device){.slot = {{0, 1, 0, 0}, ""},
                                           .companions = {{0, 1, 0, 1}},
                                           .companion_len = 1,
                                           .backend = GPU_BACKEND_VARIANT};
    CLEANUP(freep) char *variant = composed(&compose);
    CHECK(!strstr(variant, "managed=\"yes\""));
    struct buf none = {0};
    struct error err;
    partitions[1].slot.partition[0] = 'x';
    CHECK_INT(domain_xml_compose(&compose, &none, &err), -EINVAL);
    CHECK_HAS(err.text, "neither a PCI address nor a UUID");
    CHECK(none.size == 0);
}

#define EXPANDER(index, node)                                                                      \
    "<controller type='pci' index='" index "' model='pcie-expander-bus'><target busNr='" index     \
    "0'><node>" node "</node></target></controller>"

/* Node 1 of the host has the memory of the guest's node 0. */
#define CROSSED                                                                                    \
    "<numatune><memnode cellid='0' mode='strict' nodeset='1'/><memnode cellid='1' mode='strict' "  \
    "nodeset='0'/></numatune>"

#define TWO_NODES(tuning)                                                                                   \
    "<domain type='kvm'>" BASICS tuning "<devices>" EXPANDER("1", "0") EXPANDER(                            \
        "2",                                                                                                \
        "1") "<controller type='pci' index='3' model='pcie-root-port'><address type='pci' domain='0x0000' " \
             "bus='0x01' slot='0x00' function='0x0'/></controller></devices></domain>"

TEST(a_card_stands_behind_the_guests_bus_for_its_numa_node)
{
    char part[1200];
    struct domain_device devices[2] = {{.slot = {{0, 0x21, 0, 0}, ""}, .numa_node = 0},
                                       {.slot = {{0, 0xa1, 0, 0}, ""}, .numa_node = 7}};
    struct domain_compose compose = {
        .xml = TWO_NODES(""), .marker = marker, .devices = devices, .device_len = 2};
    CLEANUP(freep) char *straight = composed(&compose);
    /* Its bus has a port in slot 0 already. */
    CHECK_STR(between(straight, "    <controller type=\"pci\" index=\"4\"", "    <hostdev", part,
                      sizeof(part)),
              "    <controller type=\"pci\" index=\"4\" model=\"pcie-root-port\">\n"
              "      <address type=\"pci\" domain=\"0x0000\" bus=\"0x01\" slot=\"0x01\" "
              "function=\"0x0\"/>\n"
              "    </controller>\n");
    CHECK_HAS(straight, "      <address type=\"pci\" domain=\"0x0000\" bus=\"0x04\" slot=\"0x00\" "
                        "function=\"0x0\"/>\n    </hostdev>");
    CHECK(!strstr(straight, "index=\"5\"")); /* no node 7: libvirt places it */
    compose.xml = TWO_NODES(CROSSED);
    CLEANUP(freep) char *crossed = composed(&compose);
    CHECK_HAS(crossed, "bus=\"0x02\" slot=\"0x00\"");
    compose.xml = TWO_NODES("<numatune><memnode cellid='0' mode='strict' nodeset='4-7,^7'/>"
                            "<memnode cellid='1' mode='strict' nodeset='0-3,7'/></numatune>");
    CLEANUP(freep) char *ranges = composed(&compose);
    CHECK_HAS(ranges, "bus=\"0x02\" slot=\"0x00\"");
    CHECK_HAS(ranges, "bus=\"0x02\" slot=\"0x01\"");
    devices[0].numa_node = devices[1].numa_node = -1;
    CLEANUP(freep) char *unknown = composed(&compose);
    CHECK(!strstr(unknown, "index=\"4\""));
}

TEST(ovmf_gets_its_aperture_by_argument_unless_the_template_gives_one)
{
    char part[2000];
    struct domain_device card = {.slot = {{0, 0x65, 0, 0}, ""}, .mmio_size = UINT64_C(128) << 30};
    struct domain_compose compose = {
        .xml = "<domain type='kvm'><name>a</name><memory>9999</memory><os firmware='efi'>"
               "<type machine='q35'>hvm</type></os></domain>",
        .marker = marker,
        .devices = &card,
        .device_len = 1,
    };
    CLEANUP(freep) char *text = composed(&compose);
    CHECK_STR(between(text, "  <qemu:", "</domain>", part, sizeof(part)),
              "  <qemu:commandline>\n"
              "    <qemu:arg value=\"-fw_cfg\"/>\n"
              "    <qemu:arg value=\"name=opt/ovmf/X-PciMmio64Mb,string=262144\"/>\n"
              "  </qemu:commandline>\n");
    CHECK_HAS(text, "<domain xmlns:qemu=\"http://libvirt.org/schemas/domain/qemu/1.0\" type=");
    compose.xml = text;
    /* What was started once, and is given as a template again, stays as it is. */
    CLEANUP(freep) char *bare = strdup(text);
    char *hostdev = strstr(bare, "<hostdev");
    char *end = strstr(bare, "</hostdev>");
    memset(hostdev, ' ', (size_t)(end + 10 - hostdev));
    compose.xml = bare;
    CLEANUP(freep) char *again = composed(&compose);
    const char *first = again ? strstr(again, "X-PciMmio64Mb") : NULL;
    REQUIRE(first);
    CHECK(!strstr(first + 1, "X-PciMmio64Mb"));
    CHECK(!strstr(strstr(again, "berth:instance") + 1, "berth:instance"));
    CHECK(!strstr(strstr(again, DOMAIN_FW_CFG) + 1, DOMAIN_FW_CFG));
    CHECK(!strstr(strstr(again, "<pcihole64") + 1, "<pcihole64"));
}

TEST(the_state_of_a_tpm_outlives_the_transient_domain)
{
    CLEANUP(freep)
    char *text = composed(&(struct domain_compose){
        .xml = "<domain type='kvm'>" BASICS "<devices><tpm model='tpm-crb'><backend "
               "type='emulator' version='2.0'/></tpm></devices></domain>",
        .marker = marker,
    });
    CHECK_HAS(text, "<backend type=\"emulator\" version=\"2.0\" persistent_state=\"yes\"/>");
}

static void collect_bound(void *userdata, enum domain_bound kind, const char *what)
{
    char text[2 * reason_size];
    buf_printf(userdata, "%s(%s) ", domain_bound_name(kind), what);
    CHECK_HAS(domain_bound_text(kind, what, text, sizeof(text)), what);
}

TEST(all_that_stays_behind_on_a_host_is_found)
{
    CLEANUP(buf_done) struct buf found = {0};
    REQUIRE(domain_xml_bound(
                "<domain type='kvm'><name>a</name><os firmware='efi'><type>hvm</type></os><devices>"
                "<tpm><backend type='emulator'/></tpm>"
                "<filesystem><driver type='virtiofs'/><source dir='/srv/x'/></filesystem>"
                "<hostdev type='usb'><source><address bus='1' device='7'/></source></hostdev>"
                "<hostdev type='scsi'><source><adapter name='scsi_host2'/></source></hostdev>"
                "<interface type='hostdev'><source><address type='pci' bus='0x03' slot='0x10' "
                "function='0x2'/></source></interface>"
                "<interface type='network'><source network='n'/></interface>"
                "<disk type='nvme'><source/><target dev='vdb'/></disk>"
                "<disk type='volume'><source pool='default' volume='a.qcow2'/></disk>"
                "<disk type='vhostvdpa'><source dev='/dev/vhost-vdpa-0'/></disk>"
                "<input type='evdev'><source dev='/dev/input/event3'/></input>"
                "<serial type='dev'><source path='/dev/ttyS0'/></serial>"
                "<tpm><backend type='external'><source type='unix' path='/run/tpm.sock'/></backend>"
                "</tpm><shmem name='looking-glass'><model type='ivshmem-plain'/></shmem>"
                "</devices></domain>",
                collect_bound, &found, NULL) == 0);
    CHECK_STR(
        buf_str(&found),
        "nvram(/var/lib/libvirt/qemu/nvram) tpm-state(/var/lib/libvirt/swtpm) "
        "host-device(/run/tpm.sock) host-folder(/srv/x) "
        "host-device(shared memory looking-glass) usb-device(bus 1, device 7) host-device(scsi_host2) "
        "host-interface(bus 0x03, slot 0x10, function 0x2) nvme-disk(vdb) "
        "storage-volume(a.qcow2 of the storage pool default) host-device(/dev/vhost-vdpa-0) "
        "host-device(/dev/ttyS0) host-device(/dev/input/event3) ");
}

TEST(what_each_host_must_define_for_itself_is_found)
{
    CLEANUP(buf_done) struct buf found = {0};
    REQUIRE(
        domain_xml_bound(
            "<domain type='kvm'><name>a</name><devices>"
            "<disk type='network'><source protocol='rbd' name='p/a'><auth username='libvirt'>"
            "<secret type='ceph' uuid='11111111-2222-4333-8444-555555555555'/></auth></source>"
            "</disk><disk type='network'><source protocol='rbd' name='p/b'><auth "
            "username='libvirt'><secret type='ceph' uuid='11111111-2222-4333-8444-555555555555'/>"
            "</auth></source></disk><disk type='vhostuser'><source type='unix' "
            "path='/run/spdk.sock'/></disk>"
            "<tpm><backend type='external'><encryption secret='99999999-2222'/></backend></tpm>"
            "<interface type='vhostuser'><source type='unix' path='/run/ovs.sock'/></interface>"
            "<graphics type='vnc' listen='10.0.0.5'><listen type='address' "
            "address='10.0.0.5'/></graphics><graphics type='spice' listen='127.0.0.1'>"
            "<gl rendernode='/dev/dri/renderD128'/></graphics>"
            "<serial type='tcp'><source mode='bind' host='192.168.7.2' service='4000'/></serial>"
            "<serial type='tcp'><source mode='connect' host='192.168.7.2'/></serial>"
            "<serial type='tcp'><source mode='bind' host='0.0.0.0'/></serial>"
            "</devices></domain>",
            collect_bound, &found, NULL) == 0);
    CHECK_STR(
        buf_str(&found),
        "host-device(a TPM of its own) host-device(/run/ovs.sock) host-device(/run/spdk.sock) "
        "host-address(10.0.0.5) host-device(/dev/dri/renderD128) host-address(192.168.7.2) "
        "host-secret(11111111-2222-4333-8444-555555555555) host-secret(99999999-2222) ");
}

static void collect(void *userdata, const struct domain_file *file)
{
    buf_printf(userdata, "%s%s%s%s%s ", file->path, file->is_read_only ? "(ro)" : "",
               file->what ? "[" : "", file->what ? file->what : "", file->what ? "]" : "");
}

TEST(state_that_the_template_itself_puts_elsewhere_is_a_matter_of_files)
{
    CLEANUP(buf_done) struct buf found = {0}, files = {0};
    static const char xml[] =
        "<domain type='kvm'><name>a</name><os firmware='efi'><type>hvm</type>"
        "<nvram>/shared/a/vars.fd</nvram></os><devices><tpm><backend type='emulator'>"
        "<source type='dir' path='/shared/a/tpm'/></backend></tpm></devices></domain>";
    REQUIRE(domain_xml_bound(xml, collect_bound, &found, NULL) == 0);
    CHECK_STR(buf_str(&found), "");
    REQUIRE(domain_xml_files(xml, collect, &files, NULL) == 0);
    CHECK_STR(buf_str(&files), "/shared/a[TPM state] /shared/a[UEFI variables] ");
    REQUIRE(domain_xml_bound("<domain><os firmware='efi'><loader stateless='yes'/></os></domain>",
                             collect_bound, &found, NULL) == 0);
    CHECK_STR(buf_str(&found), ""); /* that firmware keeps no variables */
}

TEST(files_below_an_overlay_and_behind_memory_are_found_too)
{
    CLEANUP(buf_done) struct buf found = {0};
    static const char xml[] =
        "<domain type='kvm'><os><loader type='pflash'>/l</loader><nvram template='/t'/></os>"
        "<devices><disk type='file'><source file='/top'/><backingStore type='file'>"
        "<source file='/middle'/><backingStore type='block'><source dev='/dev/base'/>"
        "<backingStore/></backingStore></backingStore></disk><memory model='nvdimm'><source>"
        "<path>/pmem</path></source></memory></devices></domain>";
    REQUIRE(domain_xml_files(xml, collect, &found, NULL) == 0);
    CHECK_STR(buf_str(&found), "/top /middle(ro) /dev/base(ro) /pmem /l(ro) /t(ro) "
                               "/var/lib/libvirt/qemu/nvram[UEFI variables] ");
}

TEST(files_of_the_host_are_found_and_those_of_a_network_are_not)
{
    CLEANUP(buf_done) struct buf found = {0};
    struct error err;
    const char *xml =
        "<domain type='kvm'><os><loader readonly='yes'>/l</loader><kernel>/k</kernel></os><devices>"
        "<disk type='file' device='disk'><source file='/a'/></disk>"
        "<disk type='block'><source dev='/dev/b'/></disk>"
        "<disk type='file' device='cdrom'><source file='/c.iso'/></disk>"
        "<disk type='file' device='cdrom'/>"
        "<disk type='network'><source protocol='rbd' name='pool/image'/></disk>"
        "<hostdev mode='subsystem' type='pci'/></devices></domain>";
    CHECK_INT(domain_xml_files(xml, collect, &found, &err), 0);
    CHECK_STR(buf_str(&found), "/a /dev/b /c.iso(ro) /l(ro) /k(ro) ");
    CHECK_INT(domain_xml_files("<domain", collect, &found, &err), -EINVAL);
}

static bool take_gpu(void *userdata, const struct domain_hostdev *device)
{
    char address[pci_address_size];
    buf_printf(userdata, "%s ",
               device->mdev[0] ? device->mdev : pci_address_format(device->address, address));
    return device->mdev[0] || device->address.bus == 0x65;
}

TEST(gpus_are_stripped_and_other_devices_stay)
{
    CLEANUP(buf_done) struct buf asked = {0}, xml = {0};
    struct error err;
    const char *head = "<domain type='kvm'>" BASICS "<devices>"
                       "<hostdev mode='subsystem' type='pci' managed='yes'><source><address ";
    char text[2000];
    (void)snprintf(text, sizeof(text),
                   "%sdomain='0x0000' bus='0x65' slot='0x00' function='0x1'/></source>"
                   "<address type='pci' domain='0x0000' bus='0x09' slot='0x00' function='0x0'/>"
                   "</hostdev><hostdev mode='subsystem' type='pci'><source>"
                   "<address bus='10' slot='0x1f' function='0'/></source></hostdev>"
                   "<hostdev mode='subsystem' type='pci'><source>"
                   "<address bus='011' slot='010' function='00'/></source></hostdev>"
                   "<hostdev mode='subsystem' type='usb'><source/></hostdev>"
                   "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>"
                   "<address uuid='aa-bb'/></source></hostdev></devices></domain>",
                   head);
    REQUIRE(domain_xml_strip(text, take_gpu, &asked, &xml, &err) == 0);
    CHECK_STR(buf_str(&asked), "0000:65:00.1 0000:0a:1f.0 0000:09:08.0 aa-bb ");
    CHECK(!strstr(buf_str(&xml), "0x65") && !strstr(buf_str(&xml), "mdev"));
    CHECK_HAS(buf_str(&xml), "1f");
    CHECK_HAS(buf_str(&xml), "usb");
    CHECK_INT(domain_xml_strip("<domain", take_gpu, &asked, &xml, &err), -EINVAL);
}

static bool note_losses(void *userdata, const struct domain_hostdev *device)
{
    buf_printf(userdata, "%s; ", device->losses);
    return true;
}

TEST(what_is_lost_with_a_stripped_gpu_is_named)
{
    CLEANUP(buf_done) struct buf losses = {0}, xml = {0};
    REQUIRE(
        domain_xml_strip(
            "<domain><devices><hostdev type='pci'><source><address bus='1' slot='0' "
            "function='0'/></source><rom bar='off' file='/x.rom'/><boot order='2'/>"
            "<driver name='vfio' model='nvgrace-gpu-vfio-pci'/>"
            "<alias name='ua-gpu'/><acpi index='3'/>"
            "<address type='pci' bus='0x06' slot='0x00' function='0x0'/></hostdev>"
            "<hostdev type='mdev' display='on' ramfb='on'><source><address uuid='u'/></source>"
            "</hostdev><hostdev type='pci'><source writeFiltering='no'><address bus='2' slot='0' "
            "function='0'/>"
            "</source></hostdev></devices></domain>",
            note_losses, &losses, &xml, NULL) == 0);
    CHECK_STR(
        buf_str(&losses),
        "ROM file /x.rom, ROM switched off, guest address (bus 0x06, slot 0x00, function "
        "0x0), boot order 2, alias ua-gpu, driver nvgrace-gpu-vfio-pci, ACPI index 3; display, "
        "ramfb; write filtering switched off; ");
}

TEST(cpus_and_memory_of_a_template_are_changed_unless_its_details_would_contradict)
{
    CLEANUP(buf_done) struct buf xml = {0};
    struct error err;
    REQUIRE(
        domain_xml_resize("<domain><memory unit='GiB'>1</memory><currentMemory>9</currentMemory>"
                          "<vcpu placement='static' current='1'>2</vcpu></domain>",
                          6, 3000, &xml, &err) == 0);
    CHECK_STR(buf_str(&xml), "<domain>\n  <memory unit=\"MiB\">3000</memory>\n"
                             "  <currentMemory unit=\"MiB\">3000</currentMemory>\n"
                             "  <vcpu placement=\"static\">6</vcpu>\n</domain>\n");
    CHECK_INT(
        domain_xml_resize("<domain><cpu><topology sockets='1'/></cpu></domain>", 6, 0, &xml, &err),
        -EINVAL);
    CHECK_HAS(err.text, "<topology>");
    CHECK_INT(domain_xml_resize("<domain><cpu><numa/></cpu></domain>", 0, 64, &xml, &err), -EINVAL);
    CHECK_HAS(err.text, "<numa>");
}
