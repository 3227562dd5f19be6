/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of /etc as Debian, Ubuntu and Fedora have them. */
#include "test/unit/host_tree.h"

#include "host/services.h"

#include <stdio.h>
#include <string.h>

#define ETC "/etc/systemd/system"

static char root[64];
static node_checks_t checks;

static void begin_etc(void)
{
    (void)strcpy(root, "/tmp/berth-services-XXXXXX");
    REQUIRE(mkdtemp(root));
}

static void end_etc(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", root);
    (void)!system(command); /* a test may */
    VEC_DONE(&checks);
}

static void make(const char *path, const char *text)
{
    char full[256];
    (void)snprintf(full, sizeof(full), "%s%s", root, path);
    tree_make_folders(full);
    FILE *file = fopen(full, "w");
    REQUIRE(file);
    (void)fputs(text, file);
    REQUIRE(fclose(file) == 0);
}

/* As systemctl enable: the link leads to where there is nothing below our root. */
static void enable(const char *target, const char *unit)
{
    char full[256], from[128];
    (void)snprintf(full, sizeof(full), "%s" ETC "/%s.wants/%s", root, target, unit);
    (void)snprintf(from, sizeof(from), "/nowhere/usr/lib/systemd/system/%s", unit);
    tree_make_folders(full);
    REQUIRE(symlink(from, full) == 0);
}

/* What is found, as "name name ", in '!' if it is no advice. */
static const char *found(void)
{
    static char text[400];
    VEC_DONE(&checks);
    REQUIRE(host_services_check(root, &checks));
    text[0] = '\0';
    VEC_EACH(&checks, check) {
        CHECK(strlen(check->detail) + 1 < sizeof(check->detail)); /* nothing is cut off */
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s ", check->name,
                       check->is_ok       ? "+"
                       : check->is_advice ? ""
                                          : "!");
    }
    return text;
}

static const char *detail_of(const char *name)
{
    VEC_EACH(&checks, check) {
        if (strcmp(check->name, name) == 0) {
            return check->detail;
        }
    }
    return "";
}

static void begin_good(void)
{
    begin_etc();
    enable("sysinit.target", "nftables.service");
    enable("multi-user.target", "systemd-networkd.service");
    enable("network-online.target", "systemd-networkd-wait-online.service");
    make("/etc/systemd/system.conf",
         "[Manager]\n#RuntimeWatchdogSec=0\n#RebootWatchdogSec=10min\n");
    make("/etc/apt/apt.conf.d/50unattended-upgrades",
         "//Unattended-Upgrade::Automatic-Reboot \"true\";\n"
         "Unattended-Upgrade::Automatic-Reboot-Time \"02:00\";\n");
}

TEST(a_host_that_is_set_up_well_has_nothing_in_the_way)
{
    begin_good();
    CHECK_STR(found(), "services+ ");
    end_etc();
}

TEST(a_host_without_systemd_is_not_looked_at)
{
    begin_etc();
    CHECK_STR(found(), "");
    end_etc();
}

TEST(libvirt_guests_is_found_unless_it_is_masked)
{
    char mask[256];
    begin_good();
    enable("multi-user.target", "libvirt-guests.service");
    CHECK_STR(found(), "libvirt-guests! ");
    CHECK_HAS(detail_of("libvirt-guests"), "systemctl disable --now libvirt-guests");
    (void)snprintf(mask, sizeof(mask), "%s" ETC "/libvirt-guests.service", root);
    REQUIRE(symlink("/dev/null", mask) == 0);
    CHECK_STR(found(), "services+ ");
    end_etc();
}

TEST(an_automatic_reboot_is_found_where_the_last_file_says_so)
{
    begin_good();
    make("/etc/apt/apt.conf.d/52local", "  Unattended-Upgrade::Automatic-Reboot \"true\";\n");
    CHECK_STR(found(), "automatic-reboot ");
    CHECK_HAS(detail_of("automatic-reboot"), "99berth");
    CHECK_HAS(detail_of("automatic-reboot"), "berth node reboot --all");
    make("/etc/apt/apt.conf.d/99berth", "Unattended-Upgrade::Automatic-Reboot \"false\";\n");
    CHECK_STR(found(), "services+ ");
    make("/etc/dnf/automatic.conf", "[commands]\nreboot = never\n");
    CHECK_STR(found(), "services+ ");
    make("/etc/dnf/automatic.conf", "[commands]\nreboot = when-needed\nreboot_command = \"x\"\n");
    CHECK_STR(found(), "automatic-reboot ");
    CHECK_HAS(detail_of("automatic-reboot"), "dnf");
    end_etc();
}

TEST(who_else_holds_the_watchdog_is_found)
{
    begin_good();
    make("/etc/systemd/system.conf", "[Manager]\nRuntimeWatchdogSec=30\n");
    CHECK_STR(found(), "system-watchdog! ");
    CHECK_HAS(detail_of("system-watchdog"), "RuntimeWatchdogSec=30");
    CHECK_HAS(detail_of("system-watchdog"), "systemctl daemon-reexec");
    make("/etc/systemd/system.conf.d/10-off.conf", "[Manager]\nRuntimeWatchdogSec=off\n");
    CHECK_STR(found(), "services+ ");
    make("/etc/systemd/system.conf.d/20-note.txt", "[Manager]\nRuntimeWatchdogSec=9\n");
    CHECK_STR(found(), "services+ ");
    make("/etc/systemd/system.conf.d/90-on.conf", "[Manager]\n RuntimeWatchdogSec = default\n");
    CHECK_STR(found(), "system-watchdog! ");
    end_etc();
    begin_good();
    make("/usr/lib/systemd/system.conf.d/vendor.conf", "[Manager]\nRuntimeWatchdogSec=1min\n");
    enable("multi-user.target", "watchdog.service");
    CHECK_STR(found(), "system-watchdog! system-watchdog! ");
    CHECK_HAS(checks.items[1].detail, "systemctl disable --now watchdog.service");
    end_etc();
}

TEST(a_network_that_is_not_waited_for_is_found)
{
    begin_etc();
    enable("multi-user.target", "ufw.service");
    enable("multi-user.target", "NetworkManager.service");
    CHECK_STR(found(), "network-wait ");
    CHECK_HAS(detail_of("network-wait"), "systemctl enable NetworkManager-wait-online.service");
    enable("network-online.target", "NetworkManager-wait-online.service");
    CHECK_STR(found(), "services+ ");
    end_etc();
    begin_etc(); /* ifupdown: networking.service itself waits */
    enable("multi-user.target", "firewalld.service");
    enable("multi-user.target", "networking.service");
    CHECK_STR(found(), "services+ ");
    end_etc();
}

TEST(a_host_without_a_firewall_is_found)
{
    begin_etc();
    enable("multi-user.target", "networking.service");
    CHECK_STR(found(), "firewall ");
    CHECK_HAS(detail_of("firewall"), "systemctl enable --now nftables");
    end_etc();
}
