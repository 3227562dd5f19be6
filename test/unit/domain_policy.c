/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each test puts one piece into an ordinary domain, and asks the policy. */
#include "test/test.h"

#include "wire/domain_policy.h"

#include <errno.h>

static struct domain_policy plain(void)
{
    struct domain_policy policy = {.kind = DOMAIN_POLICY_PLAIN, .directory_len = 2};
    strcpy(policy.directories[0], "/vm/disks");
    strcpy(policy.directories[1], "/dev/vg0/");
    return policy;
}

static struct error err;

static int check_with(const struct domain_policy *policy, const char *top, const char *os,
                      const char *devices)
{
    char xml[4096];
    (void)snprintf(xml, sizeof(xml),
                   "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
                   "<name>t</name>\n<memory unit='MiB'>64</memory>\n<vcpu>1</vcpu>\n%s\n"
                   "<os><type arch='x86_64' machine='q35'>hvm</type>%s</os>\n"
                   "<devices>%s</devices></domain>",
                   top, os, devices);
    err.text[0] = '\0';
    return domain_policy_check(xml, policy, &err);
}

static void refused(const char *top, const char *os, const char *devices)
{
    struct domain_policy policy = plain();
    int r = check_with(&policy, top, os, devices);
    if (r != -EPERM || !strstr(err.text, "domain policy")) {
        test_fail(__FILE__, __LINE__, "%s%s%s: %d %s", top, os, devices, r, err.text);
    }
    policy.kind = DOMAIN_POLICY_TRUSTED;
    CHECK_INT(check_with(&policy, top, os, devices), 0);
}

static void accepted(const char *top, const char *os, const char *devices)
{
    struct domain_policy policy = plain();
    if (check_with(&policy, top, os, devices) != 0) {
        test_fail(__FILE__, __LINE__, "%s%s%s: %s", top, os, devices, err.text);
    }
}

TEST(an_ordinary_domain_is_accepted)
{
    accepted(
        "<metadata><a:b xmlns:a='urn:a' c='/etc'><a:d/></a:b></metadata>"
        "<cpu mode='host-passthrough'><topology sockets='1' cores='2' threads='1'/></cpu>"
        "<features><acpi/><hyperv><relaxed state='on'/></hyperv></features>"
        "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>"
        "<on_crash>destroy</on_crash><pm><suspend-to-mem enabled='no'/></pm>"
        "<cputune><vcpupin vcpu='0' cpuset='2'/></cputune>"
        "<memoryBacking><hugepages/></memoryBacking>"
        "<sysinfo type='smbios'><system><entry name='serial'>1</entry></system></sysinfo>",
        "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>"
        "<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>"
        "/var/lib/libvirt/qemu/nvram/t_VARS.fd</nvram><boot dev='hd'/>"
        "<kernel>/vm/disks/vmlinuz</kernel><cmdline>root=/dev/vda ro</cmdline>",
        "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>"
        "<source file='/vm/disks/a/t.qcow2' index='1'/><backingStore type='file'>"
        "<format type='raw'/><source file='/vm/disks/base.img'/><backingStore/>"
        "</backingStore><target dev='vda' bus='virtio'/><boot order='1'/>"
        "<iotune><total_iops_sec>9</total_iops_sec></iotune><alias name='a'/>"
        "<address type='pci' bus='1'/></disk>"
        "<disk type='block' device='disk'><source dev='/dev/vg0/t'/><target dev='vdb'/></disk>"
        "<disk type='network'><source protocol='rbd' name='pool/t'><host name='ceph1' port='6789'/>"
        "<auth username='u'><secret type='ceph' uuid='x'/></auth></source><target dev='vdc'/></disk>"
        "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/>"
        "<model type='virtio'/><driver name='vhost' queues='2'/><vlan><tag id='4'/></vlan>"
        "</interface>"
        "<controller type='usb' model='qemu-xhci'/>"
        "<serial type='pty'><source path='/dev/pts/3'/><target port='0'/></serial>"
        "<channel type='unix'><source mode='bind' "
        "path='/var/lib/libvirt/qemu/channel/target/domain-1-t/org.qemu.guest_agent.0'/>"
        "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>"
        "<graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'>"
        "<listen type='address' address='127.0.0.1'/></graphics>"
        "<video><model type='virtio' heads='1'/></video>"
        "<input type='tablet' bus='usb'/><memballoon model='virtio'/>"
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
        "<rng model='virtio'><backend model='builtin'/></rng>"
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
        "<watchdog model='itco' action='reset'/>");
}

TEST(what_reaches_programs_and_files_of_the_host_is_refused)
{
    refused("", "", "<emulator>/bin/bash</emulator>");
    refused("", "", "<emulator>/usr/bin/qemu-system-x86_64/../../../bin/sh</emulator>");
    refused("", "", "<disk type='file'><source file='/etc/shadow'/></disk>");
    refused("", "", "<disk type='file'><source file='/vm/disks/../../etc/shadow'/></disk>");
    refused("", "", "<disk type='file'><source file='/vm/disks/..'/></disk>");
    refused("", "", "<disk type='file'><source file='/vm/disks'/></disk>");
    refused("", "", "<disk type='file'><source file='/vm/disks2/x'/></disk>");
    refused("", "", "<disk type='file'><source file='relative'/></disk>");
    refused("", "", "<disk type='file'><source file='&#10;/etc/shadow'/></disk>");
    refused("", "", "<disk type='block'><source dev='/dev/sda'/></disk>");
    refused("", "",
            "<disk type='file'><source file='/vm/disks/x'/><backingStore type='file'>"
            "<source file='/etc/shadow'/></backingStore></disk>");
    refused("", "",
            "<disk type='file'><source file='/vm/disks/x'/><backingStore type='file'><source "
            "file='/vm/disks/y'/><backingStore type='file'><source file='/etc/shadow'/>"
            "</backingStore></backingStore></disk>");
    refused("", "", "<disk type='file'><driver type='vmdk'/><source file='/vm/disks/x'/></disk>");
    refused("", "", "<disk type='dir'><source dir='/etc'/></disk>");
    refused("", "", "<disk type='vhostuser'><source type='unix' path='/x'/></disk>");
    refused("", "",
            "<disk type='network'><source protocol='nbd'><host transport='unix' "
            "socket='/run/x'/></source></disk>");
    refused("", "<kernel>/etc/shadow</kernel>", "");
    refused("", "<kernel> /etc/shadow</kernel>", "");
    refused("", "<kernel>/etc/<!-- -->shadow</kernel>", "");
    refused("", "<initrd>/etc/shadow</initrd>", "");
    refused("", "<dtb>/etc/shadow</dtb>", "");
    refused("", "<loader>/etc/shadow</loader>", "");
    refused("", "<nvram>/etc/cron.d/x</nvram>", "");
    refused("", "<nvram template='/etc/shadow'>/vm/disks/n</nvram>", "");
    refused("", "<acpi><table type='slic'>/etc/shadow</table></acpi>", "");
    refused("<bootloader>/bin/sh</bootloader>", "", "");
    refused("<sysinfo type='fwcfg'><entry name='opt/x' file='/etc/shadow'/></sysinfo>", "", "");
    refused("", "", "<filesystem type='mount'><source dir='/'/><target dir='r'/></filesystem>");
    refused("", "", "<interface type='user'><rom file='/etc/shadow'/></interface>");
    refused("", "", "<interface type='ethernet'><script path='/tmp/x'/></interface>");
    refused("", "", "<interface type='user'><backend type='passt' logFile='/etc/x'/></interface>");
    refused("", "", "<pstore backend='acpi-erst'><path>/etc/x</path></pstore>");
    refused("", "", "<memory model='nvdimm'><source><path>/etc/x</path></source></memory>");
    refused("", "", "<video><driver name='vhostuser'/></video>");
    refused("", "", "<audio id='1' type='file' path='/etc/x'/>");
}

TEST(devices_of_the_host_are_refused)
{
    refused("", "", "<hostdev mode='subsystem' type='usb'/>");
    refused("", "", "<hostdev mode='subsystem' type='pci'/>");
    refused("", "", "<hostdev mode='subsystem' type='mdev'/>");
    refused("", "", "<hostdev mode='subsystem' type='scsi'/>");
    refused("", "", "<hostdev mode='capabilities' type='misc'/>");
    refused("", "", "<interface type='hostdev'/>");
    refused("", "", "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>");
    refused("", "", "<disk type='nvme'><source type='pci'/></disk>");
    refused("", "", "<disk type='block' device='lun'><source dev='/dev/vg0/x'/></disk>");
    refused("", "", "<disk type='block' rawio='yes'><source dev='/dev/vg0/x'/></disk>");
    refused("", "", "<disk type='block' sgio='unfiltered'><source dev='/dev/vg0/x'/></disk>");
    refused("", "", "<tpm><backend type='passthrough'><device path='/dev/mem'/></backend></tpm>");
    refused("", "",
            "<input type='passthrough' bus='virtio'><source evdev='/dev/input/0'/></input>");
    refused("", "", "<input type='evdev'><source dev='/dev/input/0'/></input>");
    refused("", "", "<rng model='virtio'><backend model='random'>/dev/mem</backend></rng>");
    refused("", "", "<rng model='virtio'><backend model='egd' type='udp'/></rng>");
    refused("", "", "<smartcard mode='host'/>");
    refused("", "", "<shmem name='x'/>");
    refused("", "", "<lease><key>x</key></lease>");
    refused("", "", "<redirdev bus='usb' type='tcp'/>");
}

TEST(arguments_labels_and_groups_of_the_host_are_refused)
{
    refused("<qemu:commandline><qemu:arg value='-readconfig'/></qemu:commandline>", "", "");
    refused("<qemu:commandline><qemu:env name='LD_PRELOAD' value='/x'/></qemu:commandline>", "",
            "");
    refused("<qemu:capabilities><qemu:add capability='x'/></qemu:capabilities>", "", "");
    refused("<x:override xmlns:x='http://libvirt.org/schemas/domain/qemu/1.0'/>", "", "");
    refused("<seclabel type='none'/>", "", "");
    refused("<seclabel type='static' model='dac'><label>+0:+0</label></seclabel>", "", "");
    refused(
        "", "",
        "<disk type='file'><source file='/vm/disks/x'><seclabel relabel='no'/></source></disk>");
    refused("<resource><partition>/x</partition></resource>", "", "");
    refused("<cputune><vcpusched vcpus='0' scheduler='fifo' priority='99'/></cputune>", "", "");
    refused("<idmap><uid start='0' target='0' count='1'/></idmap>", "", "");
    refused("<something/>", "", "");
    refused("<name something='x'>y</name>", "", "");
}

TEST(consoles_and_displays_stay_on_the_host)
{
    static const char *const types[] = {"file", "dev", "pipe", "tcp", "udp", "stdio", "nmdm"};
    char xml[256];
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        (void)snprintf(xml, sizeof(xml), "<serial type='%s'/>", types[i]);
        refused("", "", xml);
        (void)snprintf(xml, sizeof(xml), "<console type='%s'/>", types[i]);
        refused("", "", xml);
        (void)snprintf(xml, sizeof(xml), "<parallel type='%s'/>", types[i]);
        refused("", "", xml);
        (void)snprintf(xml, sizeof(xml), "<channel type='%s'/>", types[i]);
        refused("", "", xml);
    }
    refused("", "", "<serial type='pty'><source path='/etc/cron.d/x'/></serial>");
    refused("", "", "<serial type='pty'><log file='/etc/cron.d/x'/></serial>");
    refused("", "", "<channel type='unix'><source mode='connect'/></channel>");
    refused("", "", "<channel type='unix'><source mode='bind' path='/run/x'/></channel>");
    refused("", "",
            "<channel type='unix'><source mode='bind' "
            "path='/var/lib/libvirt/qemu/domain-1-x/monitor.sock'/></channel>");
    refused("", "", "<graphics type='vnc' listen='0.0.0.0'/>");
    refused("", "", "<graphics type='vnc'><listen type='address' address='::'/></graphics>");
    refused("", "", "<graphics type='vnc'><listen type='network' network='default'/></graphics>");
    refused("", "", "<graphics type='vnc'><listen type='socket' socket='/run/x'/></graphics>");
    refused("", "", "<graphics type='vnc' socket='/run/x'/>");
    refused("", "", "<graphics type='spice' listen='127.0.0.1.example.com'/>");
    refused("", "", "<graphics type='sdl' xauth='/root/.Xauthority'/>");
    refused("", "",
            "<graphics type='egl-headless'><gl rendernode='/dev/dri/renderD128'/></graphics>");
    accepted("", "", "<graphics type='vnc' port='-1'/>");
    accepted("", "", "<graphics type='spice'><listen type='none'/></graphics>");
    struct domain_policy open = plain();
    open.has_open_graphics = true;
    CHECK_INT(check_with(&open, "", "", "<graphics type='vnc' listen='0.0.0.0'/>"), 0);
    CHECK_INT(check_with(&open, "", "", "<graphics type='vnc' socket='/run/x'/>"), -EPERM);
}

TEST(a_refusal_names_the_element_and_its_line)
{
    struct domain_policy policy = plain();
    CHECK_INT(check_with(&policy, "<seclabel type='none'/>", "", ""), -EPERM);
    CHECK_HAS(err.text, "<seclabel> in <domain> (line 5)");
    CHECK_INT(check_with(&policy, "", "", "<disk>\n<source file='/etc/shadow'/></disk>"), -EPERM);
    CHECK_HAS(err.text, "file \"/etc/shadow\" in <source> (line 8)");
    CHECK_HAS(err.text, "berth.conf(5)");
}

TEST(no_policy_asks_nothing_and_no_xml_is_an_error_of_its_own)
{
    struct domain_policy policy = plain();
    CHECK_INT(domain_policy_check("<seclabel/>", NULL, &err), 0);
    CHECK_INT(domain_policy_check("<domain", &policy, &err), -EINVAL);
    CHECK_INT(domain_policy_check("<network/>", &policy, &err), -EINVAL);
    CHECK_INT(domain_policy_check("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/shadow'>]><domain/>",
                                  &policy, &err),
              -EINVAL);
}

static int count(void *userdata, const char *path, struct error *unused)
{
    (void)unused;
    *(int *)userdata += strcmp(path, "/vm/disks/a") == 0 || strcmp(path, "/vm/disks/k") == 0;
    return 0;
}

TEST(every_file_is_listed)
{
    struct domain_policy policy = plain();
    int files = 0;
    CHECK_INT(
        domain_policy_files("<domain type='kvm'><os><kernel>/vm/disks/k</kernel></os><devices>"
                            "<disk type='file'><source file='/vm/disks/a'/></disk></devices>"
                            "</domain>",
                            &policy, count, &files, &err),
        0);
    CHECK_INT(files, 2);
}
