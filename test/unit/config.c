/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include "run/config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct config config;
static struct error err;

static int parse(const char *text)
{
    err.text[0] = '\0';
    return config_parse("berth.conf", text, &config, &err);
}

TEST(an_empty_file_gives_the_defaults)
{
    REQUIRE(parse("\n# nothing\n") == 0);
    CHECK_STR(config.etcd_endpoints[0].text, "http://127.0.0.1:2379");
    CHECK_INT(config.etcd_endpoint_len, 1);
    CHECK_STR(config.api_socket, "/run/berth/api.sock");
    CHECK_INT(config.session_idle_ms, 30 * 60 * 1000);
    CHECK(config.node[0] != '\0');
}

TEST(values_are_trimmed_and_lists_split)
{
    REQUIRE(parse("  node =  node1 \nwatchdog=none\n"
                  "etcd_endpoints = http://10.0.0.1:2379, https://10.0.0.2:2379\n"
                  "devices = 0000:65:00.0 66:00.0") == 0);
    CHECK_STR(config.node, "node1");
    CHECK_STR(config.watchdog, "none");
    CHECK_INT(config.etcd_endpoint_len, 2);
    CHECK_STR(config.etcd_endpoints[1].text, "https://10.0.0.2:2379");
    CHECK_INT(config.device_len, 2);
}

TEST(mail_goes_to_addresses_through_a_server)
{
    static const char *const wrong[] = {
        "mail_to = ops",
        "mail_to = ops@",
        "mail_to = @example.org",
        "mail_to = a@b@c",
        "mail_to = <ops@example.org>",
        "mail_to = ops@example.org\\r",
        "mail_from = berth",
        "mail_from = a@b c@d",
        "mail_server = mail.example.org",
        "mail_server = smtp://",
        "mail_server = smtp://user@mail.example.org",
        "mail_server = smtp://mail.example.org/x",
        "mail_server = https://mail.example.org",
        "mail_password_file = mail",
    };
    REQUIRE(parse("mail_to = ops@example.org, night@example.org\n"
                  "mail_from = berth@example.org\nmail_server = smtps://mail.example.org:465") ==
            0);
    CHECK_INT(config.mail_to_len, 2);
    CHECK_STR(config.mail_to[1].text, "night@example.org");
    CHECK_STR(config.mail_server, "smtps://mail.example.org:465");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK_INT(parse(wrong[i]), -EINVAL);
        CHECK_HAS(err.text, i < 8 ? "is no mail address" : "mail_");
    }
    REQUIRE(parse("") == 0);
    CHECK_INT(config.mail_to_len, 0);
    CHECK_STR(config.mail_server, "smtp://localhost");
}

TEST(a_wrong_line_is_named_by_its_number_and_changes_nothing)
{
    REQUIRE(parse("node = kept") == 0);
    CHECK_INT(parse("\n\nnodes = a\n"), -EINVAL);
    CHECK_HAS(err.text, "berth.conf:3: unknown key \"nodes\"");
    CHECK_INT(parse("node"), -EINVAL);
    CHECK_HAS(err.text, "berth.conf:1: \"node\" is not of the form key = value");
    CHECK_INT(parse("node = a\nnode = b"), -EINVAL);
    CHECK_HAS(err.text, "berth.conf:2: node is set twice");
    CHECK_INT(parse("node = a/b"), -EINVAL);
    CHECK_INT(parse("etcd_endpoints = localhost:2379"), -EINVAL);
    CHECK_HAS(err.text, "\"localhost:2379\" is no URL");
    CHECK_INT(parse("etcd_endpoints ="), -EINVAL);
    CHECK_INT(parse("api_socket = api.sock"), -EINVAL);
    CHECK_INT(parse("etcd_prefix ="), -EINVAL);
    CHECK_INT(parse("devices = nonsense"), -EINVAL);
    CHECK_INT(parse("whole_groups = nonsense"), -EINVAL);
    CHECK_STR(config.node, "kept");
}

TEST(seconds_are_a_number_within_bounds)
{
    REQUIRE(parse("session_idle_seconds = 900") == 0);
    CHECK_INT(config.session_idle_ms, 900 * 1000);
    CHECK_INT(parse("session_idle_seconds = 4"), -EINVAL);
    CHECK_HAS(err.text, "\"4\" is no number from 5 to 43200");
    CHECK_INT(parse("session_idle_seconds = 43201"), -EINVAL);
    CHECK_INT(parse("session_idle_seconds = 30 min"), -EINVAL);
    CHECK_INT(parse("session_idle_seconds ="), -EINVAL);
}

TEST(trusted_proxies_are_addresses_and_networks)
{
    REQUIRE(parse("trusted_proxies = 10.0.0.5, fd00::/8 10.1.0.0/24") == 0);
    CHECK_INT(config.trusted_proxy_len, 3);
    CHECK_STR(config.trusted_proxies[1].text, "fd00::/8");
    CHECK_INT(parse("trusted_proxies = proxy.example"), -EINVAL);
    CHECK_HAS(err.text, "\"proxy.example\" is neither an address such as 10.0.0.5 nor a network");
    CHECK_INT(parse("trusted_proxies = 10.0.0.5/8"), -EINVAL);
}

TEST(a_socket_path_longer_than_the_kernel_takes_is_refused)
{
    char text[200] = "api_socket = /";
    memset(text + strlen(text), 'a', config_path_size - 2);
    CHECK_INT(parse(text), 0);
    strcat(text, "a");
    CHECK_INT(parse(text), -EINVAL);
    CHECK_HAS(err.text, "longer than 107 characters");
}

TEST(plain_http_to_another_host_needs_a_word)
{
    static const char *const closed[] = {"http://127.0.0.1:2379", "http://127.1.2.3",
                                         "http://localhost:2379", "http://[::1]:2379",
                                         "https://10.0.0.1:2379", "https://etcd.example.com"};
    static const char *const open[] = {
        "http://10.0.0.1:2379",      "http://127.example.com:2379",  "http://localhost.example.com",
        "http://[2001:db8::1]:2379", "http://127.0.0.1.example.com", "http://[::11]:2379"};
    char text[200];
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        (void)snprintf(text, sizeof(text), "etcd_endpoints = %s", closed[i]);
        REQUIRE(parse(text) == 0);
        CHECK_INT(config_check_store(&config, &err), 0);
        CHECK(!config_open_endpoint(&config));
    }
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        (void)snprintf(text, sizeof(text), "etcd_endpoints = http://127.0.0.1:1 %s", open[i]);
        REQUIRE(parse(text) == 0);
        CHECK_INT(config_check_store(&config, &err), -EPERM);
        CHECK_HAS(err.text, open[i]);
        (void)strcat(text, "\netcd_insecure = yes");
        REQUIRE(parse(text) == 0);
        CHECK_INT(config_check_store(&config, &err), 0);
        CHECK_STR(config_open_endpoint(&config), open[i]);
    }
    CHECK_INT(parse("etcd_insecure = maybe"), -EINVAL);
    CHECK_HAS(err.text, "neither no nor yes");
}

TEST(the_domain_policy_is_plain_by_default)
{
    struct domain_policy policy;
    REQUIRE(parse("") == 0);
    config_domain_policy(&config, &policy);
    CHECK_STR(domain_policy_kind_name(policy.kind), "plain");
    CHECK(!policy.has_open_graphics);
    CHECK_INT(policy.directory_len, 1);
    CHECK_STR(policy.directories[0], "/var/lib/libvirt/images");
    REQUIRE(parse("domain_policy = trusted\ngraphics_listen = any\n"
                  "disk_directories = /a, /dev/vg0") == 0);
    config_domain_policy(&config, &policy);
    CHECK_STR(domain_policy_kind_name(policy.kind), "trusted");
    CHECK(policy.has_open_graphics);
    CHECK_STR(policy.directories[1], "/dev/vg0");
    REQUIRE(parse("disk_directories =") == 0);
    CHECK_INT(config.disk_directory_len, 0);
    CHECK_INT(parse("domain_policy = open"), -EINVAL);
    CHECK_INT(parse("disk_directories = images"), -EINVAL);
    CHECK_INT(parse("disk_directories = /a/../b"), -EINVAL);
}

TEST(a_migration_address_is_an_address_or_a_uri_and_perhaps_one_for_the_memory)
{
    REQUIRE(parse("") == 0);
    CHECK_STR(config.migration_address, "");
    REQUIRE(parse("migration_address = node1.example.org") == 0);
    CHECK_STR(config.migration_address, "node1.example.org");
    CHECK_INT(parse("migration_address = 10.0.0.1"), 0);
    CHECK_INT(parse("migration_address = [fd00::1]"), 0);
    CHECK_INT(parse("migration_address = qemu+tls://10.0.0.1/system"), 0);
    CHECK_INT(parse("migration_address = qemu+tls://10.0.0.1/system tcp://10.1.0.1"), 0);
    CHECK_INT(parse("migration_address = qemu+tls://10.0.0.1/system tcp://10.1.0.1 unencrypted"),
              0);
    CHECK_INT(parse("migration_address = qemu+tcp://10.0.0.1/system unencrypted"), 0);
    CHECK_INT(parse("migration_address = qemu+tcp://10.0.0.1/system tcp://10.1.0.1 unencrypted"),
              0);
    static const char *const wrong[] = {
        "qemu:///system",
        "qemu+tls://localhost/system",
        "xen://10.0.0.1/",
        "10.0.0.1 10.0.0.2",
        "10.0.0.1/system",
        "qemu+tls://10.0.0.1/system 10.1.0.1",
        "qemu+tls://10.0.0.1/system tcp://10.1.0.1 x",
        "qemu+tls://10.0.0.1/system unencrypted",
        "10.0.0.1 unencrypted",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "migration_address = %s", wrong[i]);
        CHECK_INT(parse(text), -EINVAL);
        CHECK_HAS(err.text, "migration_address must be an address");
    }
}

TEST(an_open_migration_address_of_an_earlier_version_counts_as_absent)
{
    REQUIRE(parse("migration_address = qemu+tcp://10.0.0.1/system") == 0);
    CHECK_STR(config.migration_address, "");
    CHECK_HAS(config_fault(&config), "not encrypted");
    CHECK_INT(parse("migration_address = qemu+tcp://10.0.0.1/system tcp://10.1.0.1"), 0);
    CHECK_STR(config.migration_address, "");
    CHECK(config_fault(&config));
    REQUIRE(parse("migration_address = qemu+tcp://10.0.0.1/system unencrypted") == 0);
    CHECK(!config_fault(&config));
}

TEST(halves_of_a_pair_are_refused)
{
    CHECK_INT(parse("etcd_certificate = /a"), -EINVAL);
    CHECK_HAS(err.text, "go together");
    CHECK_INT(parse("https_key = /a"), -EINVAL);
    CHECK_HAS(err.text, "https_certificate and https_key go together");
    CHECK_INT(parse("etcd_user = root"), -EINVAL);
    CHECK_HAS(err.text, "go together");
    CHECK_INT(parse("api_etcd_user = berth-api"), -EINVAL);
    CHECK_HAS(err.text, "go together");
}

TEST(berth_api_has_the_users_of_the_store_that_are_its_own)
{
    REQUIRE(parse("etcd_user = berthd\netcd_password_file = /d\n"
                  "api_etcd_user = berth-api\napi_etcd_password_file = /a") == 0);
    CHECK_STR(config.etcd_user, "berthd");
    config_for_api(&config);
    CHECK_STR(config.etcd_user, "berth-api");
    CHECK_STR(config.etcd_password_file, "/a");
    REQUIRE(parse("etcd_user = berthd\netcd_password_file = /d") == 0);
    config_for_api(&config);
    CHECK_STR(config.etcd_user, "berthd");
}

TEST(a_file_that_was_asked_for_must_exist)
{
    CHECK_INT(config_load("/nonexistent/berth.conf", &config, &err), -ENOENT);
    CHECK_HAS(err.text, "/nonexistent/berth.conf: No such file");
    char path[] = "/tmp/berth-config-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0 && write(fd, "node = \0x", 9) == 9);
    CHECK_INT(config_load(path, &config, &err), -EINVAL);
    CHECK_HAS(err.text, "NUL");
    (void)close(fd);
    (void)unlink(path);
}

TEST(programs_that_erase_devices_have_names)
{
    REQUIRE(parse("erase_commands = wipe=/usr/local/sbin/wipe-gpu, nvme=/sbin/x\n"
                  "erase_seconds = 60") == 0);
    CHECK_INT(config.erase_command_len, 2);
    CHECK_STR(config.erase_commands[1].text, "nvme=/sbin/x");
    CHECK_INT(config.erase_ms, 60000);
    CHECK_INT(parse("erase_commands = wipe=wipe-gpu"), -EINVAL);
    CHECK_HAS(err.text, "is not of the form NAME=/PATH/OF/PROGRAM");
    CHECK_INT(parse("erase_commands = /sbin/wipe"), -EINVAL);
    CHECK_INT(parse("erase_commands = a/b=/sbin/wipe"), -EINVAL);
}
