/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Longer than most: the table of the keys holds the text of their manual page. */
#include "run/config.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "http/network.h"
#include "model/gpu.h"
#include "model/move.h"
#include "model/name.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    config_file_size_max = 64 * 1024,
    seconds_min = 5,
    seconds_max = 12 * 3600, /* no session gets older */
};

enum value_kind {
    VALUE_TEXT,
    VALUE_PATH,     /* begins with '/' */
    VALUE_NODE,     /* a node's name */
    VALUE_PREFIX,   /* begins and ends with '/' */
    VALUE_WATCHDOG, /* a path or "none" */
    VALUE_URLS,
    VALUE_ADDRESSES,
    VALUE_SECONDS,  /* kept as milliseconds */
    VALUE_CHOICE,   /* one of two words; kept as a bool: the second */
    VALUE_PATHS,    /* absolute, without ".." */
    VALUE_COMMANDS, /* NAME=PROGRAM */
    VALUE_NETWORKS,
    VALUE_MIGRATION, /* an address, or one or two URIs */
    VALUE_MAIL,      /* a mail address */
    VALUE_MAILS,
    VALUE_MAIL_SERVER,
};

struct setting {
    const char *key;
    const char *section; /* of berth.conf(5) */
    const char *help;
    enum value_kind kind;
    size_t offset;
    size_t size;          /* of the text; for lists: how many */
    size_t len_offset;    /* lists only */
    const char *words[2]; /* choices only; the first is the default */
};

#define TEXT(kind, key, member, section, help, ...)                                                \
    {                                                                                              \
        key, section, help, kind, offsetof(struct config, member),                                 \
            sizeof(((struct config *)0)->member), 0,                                               \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define LIST(kind, key, member, max, len_member, section, help)                                    \
    {                                                                                              \
        key, section, help, kind, offsetof(struct config, member), max,                            \
            offsetof(struct config, len_member),                                                   \
        {                                                                                          \
        }                                                                                          \
    }

#define HOST       "THE HOST"
#define STORE      "THE STORE"
#define HYPERVISOR "THE HYPERVISOR"
#define PLACES     "PLACES"

/* Every key, once: parsing and berth.conf(5) read this. Keys of one section stand together. */
static const struct setting settings[] = {
    TEXT(VALUE_NODE, "node", node, HOST,
         "This host's name in the cluster: a letter or digit, then letters, digits, dots, "
         "underscores and dashes, at most 63 in all. A second host that is alive under the same "
         "name is refused."),
    TEXT(VALUE_WATCHDOG, "watchdog", watchdog, HOST,
         "The hardware watchdog that resets this host if it cannot reach the store: its device, "
         "or none. Nothing else may use it: leave RuntimeWatchdogSec of systemd off."),
    LIST(VALUE_ADDRESSES, "devices", devices, config_devices_max, device_len, HOST,
         "Addresses of further PCI functions that are to be treated as GPUs (accelerators of "
         "another class), separated by spaces or commas, at most 32."),
    TEXT(VALUE_PATH, "power_command", power_command, HOST,
         "The program that shuts this host down when an administrator orders that (berth node "
         "shutdown, berth node reboot). It is run with the argument poweroff or reboot."),
    LIST(VALUE_ADDRESSES, "whole_groups", whole_groups, config_devices_max, whole_group_len, HOST,
         "Addresses of cards that share their IOMMU group with others, one for each group that is "
         "to be given to one VM as a whole: the other cards of the group go along with it. At most "
         "32."),
    LIST(VALUE_COMMANDS, "erase_commands", erase_commands, config_erasers_max, erase_command_len,
         HOST,
         "Programs that erase a GPU or another device between two VMs, as NAME=PROGRAM, separated "
         "by spaces or commas, at most 8. Pools name them (berth pool set POOL --after-use "
         "erase=NAME). Each is run as root with the PCI address and, for a partition, its address "
         "or UUID. Exit code 0: nothing of the last VM is left in the device. Only root may be "
         "able to write to the program. See docs/operate.md."),
    TEXT(VALUE_SECONDS, "erase_seconds", erase_ms, HOST,
         "How long such a program may take; then it is killed, and the device is quarantined."),
    TEXT(VALUE_PATH, "fabric_helper", fabric_helper, HOST,
         "The program that lists and switches the sets of GPUs that can talk to each other on an "
         "NVSwitch fabric. It is run as root with list, activate SET or deactivate SET. Only root "
         "may be able to write to it. See docs/vendors.md."),
    TEXT(VALUE_PATH, "host_root", host_root, HOST, "Where /sys and /proc are found. For tests."),
    LIST(VALUE_URLS, "etcd_endpoints", etcd_endpoints, config_endpoints_max, etcd_endpoint_len,
         STORE,
         "URLs of etcd's members, separated by spaces or commas, at most 16; the nearest first, "
         "best this host's own. One that fails is left for the next; the first is returned to "
         "once it answers again."),
    TEXT(VALUE_PREFIX, "etcd_prefix", etcd_prefix, STORE,
         "Where in the store this cluster is; begins and ends with a slash."),
    TEXT(VALUE_PATH, "etcd_ca", etcd_ca, STORE,
         "For https endpoints: the file with the authority that their certificates must come "
         "from."),
    TEXT(VALUE_PATH, "etcd_certificate", etcd_certificate, STORE,
         "This host's own certificate for them; goes with etcd_key."),
    TEXT(VALUE_PATH, "etcd_key", etcd_key, STORE, "The key of that certificate."),
    TEXT(VALUE_CHOICE, "etcd_insecure", is_etcd_insecure, STORE,
         "Accept plain http to other hosts. Anyone who can write to the store commands every "
         "host, so only for a network that nothing but the hosts can reach; berth validate reports "
         "it as failed.",
         "no", "yes"),
    TEXT(VALUE_TEXT, "etcd_user", etcd_user, STORE,
         "The user's name, where etcd's authentication is on; goes with etcd_password_file. "
         "(etcd's JSON gateway does not take the name out of a certificate.)"),
    TEXT(VALUE_PATH, "etcd_password_file", etcd_password_file, STORE,
         "The file whose first line is the password."),
    TEXT(VALUE_TEXT, "api_etcd_user", api_etcd_user, STORE,
         "The user's name for berth-api, which needs fewer rights than berthd; goes with "
         "api_etcd_password_file. Without both: etcd_user."),
    TEXT(VALUE_PATH, "api_etcd_password_file", api_etcd_password_file, STORE,
         "The file whose first line is that user's password."),
    TEXT(VALUE_TEXT, "libvirt_uri", libvirt_uri, HYPERVISOR, "The libvirt that runs the VMs."),
    TEXT(VALUE_MIGRATION, "migration_address", migration_address, HYPERVISOR,
         "Where this host accepts VMs that move here while they run, and the consent to hand over "
         "its own: an address, at which its libvirt answers by TLS (qemu+tls://ADDRESS/system), or "
         "that URI itself. The memory of VMs goes through that connection; a second URI, such as "
         "tcp://10.1.0.3, separated by a space, makes it go there, by QEMU's own TLS, or, with a "
         "last word unencrypted, without. Without this setting: VMs stop here and start elsewhere. "
         "docs/migration.md says what is needed."),
    TEXT(VALUE_TEXT, "screen_address", screen_address, HYPERVISOR,
         "Where the other hosts reach berth-screen.socket of this one, to show the screens and "
         "serial consoles of its VMs: an address, with its port unless that is 8645. Without it: "
         "not at all."),
    TEXT(VALUE_PATH, "screen_secret_file", screen_secret_file, HYPERVISOR,
         "The file whose first line is the secret by which hosts know each other there; the same "
         "on all. Without it: api_etcd_password_file."),
    TEXT(VALUE_CHOICE, "domain_policy", is_domain_trusted, HYPERVISOR,
         "Which domain XML this host starts. plain accepts disks, network cards, displays and the "
         "like, and files only below disk_directories; it refuses what reaches the host itself, "
         "such as other files and devices, programs, arguments of QEMU, own security labels and "
         "shared folders. trusted accepts all that libvirt does: each administrator of the "
         "cluster is then root on this host. docs/SECURITY.md has the list.",
         "plain", "trusted"),
    LIST(VALUE_PATHS, "disk_directories", disk_directories, config_directories_max,
         disk_directory_len, HYPERVISOR,
         "Under domain_policy = plain, the directories below which disks, CDs and kernels of VMs "
         "must be, separated by spaces or commas, at most 16. Links that lead out of them are not "
         "followed. For block devices name their directory, such as /dev/vg-vms."),
    TEXT(VALUE_CHOICE, "graphics_listen", has_open_graphics, HYPERVISOR,
         "Under domain_policy = plain, where VNC and SPICE displays may listen: on this host's "
         "loopback addresses, or on any.",
         "loopback", "any"),
    TEXT(VALUE_PATH, "api_socket", api_socket, PLACES,
         "The socket of berth-api, to which berth(1) connects. Access to it grants full control of "
         "the cluster."),
    TEXT(VALUE_TEXT, "https_listen", https_listen, PLACES,
         "Address and port where berth-api also listens, for the web console and remote berth(1), "
         "such as 127.0.0.1:8643 or [::]:8643 (every address, IPv4 too). Who comes this way needs "
         "a token or a login. Without it: not at all."),
    TEXT(VALUE_PATH, "https_certificate", https_certificate, PLACES,
         "The PEM file of the certificate for https_listen, with those between it and its "
         "authority behind it; goes with https_key. Without both, one that signs itself is made "
         "at the first start, as https-certificate.pem and https-key.pem in state_dir; its "
         "SHA-256 is in berth-api's journal at each start. systemctl reload berth-api takes up "
         "files that were renewed."),
    TEXT(VALUE_PATH, "https_key", https_key, PLACES, "The PEM file of that certificate's key."),
    LIST(VALUE_NETWORKS, "trusted_proxies", trusted_proxies, config_proxies_max, trusted_proxy_len,
         PLACES,
         "Addresses and networks of reverse proxies before https_listen, such as 10.0.0.5 or "
         "10.1.0.0/24, separated by spaces or commas, at most 16. Their X-Forwarded-For says who "
         "the client is, for the audit and for the limits of logins. Without it every client of a "
         "proxy has the proxy's address."),
    TEXT(VALUE_SECONDS, "session_idle_seconds", session_idle_ms, PLACES,
         "After so many seconds without a click or a key a login at the console ends, also while "
         "a page is open; 5 to 43200. After 12 hours it ends in any case."),
    TEXT(VALUE_PATH, "webhook_file", webhook_file, PLACES,
         "The file whose first line is the https URL to which berth-api posts the problems that "
         "begin and end, while this host coordinates; a second line, if there is one, is sent as a "
         "bearer token. Give it to every host that may coordinate. Only root may be able to write "
         "to it, and berth-api must be able to read it. It is read for each message. Without it: "
         "no messages. docs/monitoring.md has their form."),
    LIST(VALUE_MAILS, "mail_to", mail_to, mail_to_max, mail_to_len, PLACES,
         "The mail addresses that get the same, separated by spaces or commas, at most 16. Without "
         "it: no mail."),
    TEXT(VALUE_MAIL, "mail_from", mail_from, PLACES, "Its sender. Without it: berth@NODE."),
    TEXT(VALUE_MAIL_SERVER, "mail_server", mail_server, PLACES,
         "The server that takes this mail further: smtps://HOST[:PORT], or smtp://HOST[:PORT], "
         "which must offer STARTTLS unless it is this host itself."),
    TEXT(VALUE_PATH, "mail_password_file", mail_password_file, PLACES,
         "The file whose first line is the user by which berth-api logs in there, and whose second "
         "line is the password. berth-api must be able to read it. Without it: no login."),
    TEXT(VALUE_PATH, "host_key_file", host_key_file, PLACES,
         "The private key of this host, with which berthd opens the sealed secrets of fence "
         "agents. berthd makes it. Only root may read it, or write to its directory. It needs no "
         "backup as long as another host of the cluster has its own."),
    TEXT(VALUE_PATH, "run_dir", run_dir, PLACES,
         "The lock of berthd and the socket of the watchdog's keeper; emptied at reboot. Only root "
         "may write here."),
    TEXT(VALUE_PATH, "state_dir", state_dir, PLACES, "What berth-api keeps over a reboot."),
};

void config_default(struct config *ret)
{
    *ret = (struct config){
        .etcd_endpoints = {{"http://127.0.0.1:2379"}},
        .etcd_endpoint_len = 1,
        .etcd_prefix = "/berth/",
        .libvirt_uri = "qemu:///system",
        .disk_directories = {{"/var/lib/libvirt/images"}},
        .disk_directory_len = 1,
        .watchdog = "/dev/watchdog",
        .power_command = "/usr/bin/systemctl",
        .host_root = "/",
        .api_socket = "/run/berth/api.sock",
        .mail_server = "smtp://localhost",
        .session_idle_ms = 30 * 60 * 1000,
        .erase_ms = 15 * 60 * 1000,
        .host_key_file = "/var/lib/berthd/host.key",
        .run_dir = "/run/berthd",
        .state_dir = "/var/lib/berth",
    };
    char host[config_text_size] = "";
    if (gethostname(host, sizeof(host) - 1) == 0) {
        host[strcspn(host, ".")] = '\0';
        (void)copy_text(ret->node, sizeof(ret->node), host);
    }
}

size_t config_key_len(void)
{
    return ARRAY_LEN(settings);
}

void config_key(size_t i, struct config_key *ret)
{
    const struct setting *setting = &settings[i];
    struct config config;
    config_default(&config);
    *ret = (struct config_key){
        .name = setting->key, .section = setting->section, .help = setting->help};
    if (setting->kind == VALUE_NODE) {
        (void)copy_text(ret->fallback, sizeof(ret->fallback), "the host name up to its first dot");
    } else if (setting->kind == VALUE_SECONDS) {
        const msec_t *value = (const void *)((char *)&config + setting->offset);
        (void)snprintf(ret->fallback, sizeof(ret->fallback), "%lld", (long long)*value / 1000);
    } else if (setting->kind == VALUE_CHOICE) {
        (void)copy_text(ret->fallback, sizeof(ret->fallback), setting->words[0]);
    } else { /* of a list: its first element, the only one that there is */
        (void)copy_text(ret->fallback, sizeof(ret->fallback), (char *)&config + setting->offset);
    }
}

/* Where in which file, for the messages. */
struct config_place {
    const char *path;
    unsigned line;
};

#define REFUSE(place, err, format, ...)                                                            \
    error_set((err), -EINVAL, "%s:%u: " format, (place)->path, (place)->line, ##__VA_ARGS__)

/* NAME=/PATH/OF/PROGRAM */
static bool is_command(const char *text)
{
    const char *equals = strchr(text, '=');
    char name[name_size] = "";
    struct error inner;
    (void)snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - text) : 0, text);
    return equals && equals[1] == '/' && name_check("command", name, &inner) == 0;
}

/* One element of a list: a URL, an address or a directory. */
static int check_element(const struct config_place *place, const struct setting *setting,
                         const char *text, struct error *err)
{
    struct pci_address address;
    if (setting->kind == VALUE_ADDRESSES) {
        return pci_address_parse(text, &address)
                   ? 0
                   : REFUSE(place, err, "%s: \"%s\" is no PCI address such as 0000:65:00.0",
                            setting->key, text);
    }
    if (setting->kind == VALUE_COMMANDS) {
        return is_command(text)
                   ? 0
                   : REFUSE(place, err, "%s: \"%s\" is not of the form NAME=/PATH/OF/PROGRAM",
                            setting->key, text);
    }
    if (setting->kind == VALUE_NETWORKS) {
        struct network network;
        return network_parse(text, &network)
                   ? 0
                   : REFUSE(place, err,
                            "%s: \"%s\" is neither an address such as 10.0.0.5 nor a network such "
                            "as 10.1.0.0/24",
                            setting->key, text);
    }
    if (setting->kind == VALUE_MAILS) {
        return mail_is_address(text)
                   ? 0
                   : REFUSE(place, err, "%s: \"%s\" is no mail address", setting->key, text);
    }
    if (setting->kind == VALUE_PATHS) {
        return text[0] == '/' && !strstr(text, "..")
                   ? 0
                   : REFUSE(place, err, "%s: \"%s\" is no directory's path that begins with '/'",
                            setting->key, text);
    }
    const char *rest = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : "";
    return *rest ? 0
                 : REFUSE(place, err, "%s: \"%s\" is no URL such as https://10.0.0.1:2379",
                          setting->key, text);
}

static int set_list(const struct config_place *place, const struct setting *setting, char *value,
                    struct config *config, struct error *err)
{
    struct config_text *items = (void *)((char *)config + setting->offset);
    size_t *len = (void *)((char *)config + setting->len_offset);
    char *rest = NULL;
    *len = 0;
    for (char *item = strtok_r(value, ", \t", &rest); item; item = strtok_r(NULL, ", \t", &rest)) {
        if (*len == setting->size) {
            return REFUSE(place, err, "%s: more than %zu", setting->key, setting->size);
        }
        if (check_element(place, setting, item, err) < 0) {
            return -EINVAL;
        }
        if (!copy_text(items[*len].text, sizeof(items[*len].text), item)) {
            return REFUSE(place, err, "%s: longer than %d characters", setting->key,
                          config_text_size - 1);
        }
        (*len)++;
    }
    return *len > 0 || setting->kind != VALUE_URLS
               ? 0
               : REFUSE(place, err, "%s needs at least one", setting->key);
}

static int check_text(const struct config_place *place, const struct setting *setting,
                      const char *value, struct error *err)
{
    struct error inner;
    switch (setting->kind) {
    case VALUE_NODE:
        return name_check("node", value, &inner) == 0 ? 0 : REFUSE(place, err, "%s", inner.text);
    case VALUE_PREFIX:
        return value[0] == '/' && value[strlen(value) - 1] == '/'
                   ? 0
                   : REFUSE(place, err, "%s must begin and end with '/'", setting->key);
    case VALUE_WATCHDOG:
        if (strcmp(value, "none") == 0) {
            return 0;
        }
        return value[0] == '/'
                   ? 0
                   : REFUSE(place, err, "%s must be a device's path, or none", setting->key);
    case VALUE_PATH:
        return value[0] == '/'
                   ? 0
                   : REFUSE(place, err, "%s must be a path that begins with '/'", setting->key);
    case VALUE_MAIL:
        return mail_is_address(value)
                   ? 0
                   : REFUSE(place, err, "%s: \"%s\" is no mail address", setting->key, value);
    case VALUE_MAIL_SERVER:
        return mail_is_server(value)
                   ? 0
                   : REFUSE(place, err, "%s: \"%s\" is no server such as smtp://mail.example.org",
                            setting->key, value);
    case VALUE_TEXT:
    case VALUE_MIGRATION:
    case VALUE_MAILS:
    case VALUE_URLS:
    case VALUE_ADDRESSES:
    case VALUE_SECONDS:
    case VALUE_CHOICE:
    case VALUE_PATHS:
    case VALUE_NETWORKS:
    case VALUE_COMMANDS:
        break;
    }
    return value[0] ? 0 : REFUSE(place, err, "%s is empty; leave the line out", setting->key);
}

static int set_seconds(const struct config_place *place, const struct setting *setting,
                       const char *value, struct config *config, struct error *err)
{
    msec_t *ret = (void *)((char *)config + setting->offset);
    int64_t seconds;
    if (!parse_i64(value, seconds_min, seconds_max, &seconds)) {
        return REFUSE(place, err, "%s: \"%.40s\" is no number from %d to %d", setting->key, value,
                      seconds_min, seconds_max);
    }
    *ret = seconds * 1000;
    return 0;
}

static int set_choice(const struct config_place *place, const struct setting *setting,
                      const char *value, struct config *config, struct error *err)
{
    bool *ret = (void *)((char *)config + setting->offset);
    bool is_second = strcmp(value, setting->words[1]) == 0;
    if (!is_second && strcmp(value, setting->words[0]) != 0) {
        return REFUSE(place, err, "%s: \"%.40s\" is neither %s nor %s", setting->key, value,
                      setting->words[0], setting->words[1]);
    }
    *ret = is_second;
    return 0;
}

static int set_migration(const struct config_place *place, const struct setting *setting,
                         const char *value, struct config *config, struct error *err)
{
    char *ret = (char *)config + setting->offset;
    char consenting[config_text_size];
    struct move_address to;
    if (move_address_parse(value, &to) && copy_text(ret, setting->size, value)) {
        return 0;
    }
    (void)snprintf(consenting, sizeof(consenting), "%s unencrypted", value);
    if (move_address_parse(consenting, &to)) {
        config->is_migration_open = true;
        return 0;
    }
    return REFUSE(place, err,
                  "%s must be an address, or a URI such as qemu+tls://10.0.0.1/system and perhaps "
                  "a second one such as tcp://10.1.0.1; what goes without TLS needs a last word "
                  "\"unencrypted\"",
                  setting->key);
}

const char *config_fault(const struct config *config)
{
    return config->is_migration_open
               ? "migration_address is not encrypted and counts as absent, so VMs move by a "
                 "restart: name a qemu+tls address in berth.conf, or add the word unencrypted; "
                 "then restart berthd"
               : NULL;
}

static int set_value(const struct config_place *place, const struct setting *setting, char *value,
                     struct config *config, struct error *err)
{
    if (setting->kind == VALUE_URLS || setting->kind == VALUE_ADDRESSES ||
        setting->kind == VALUE_PATHS || setting->kind == VALUE_NETWORKS ||
        setting->kind == VALUE_COMMANDS || setting->kind == VALUE_MAILS) {
        return set_list(place, setting, value, config, err);
    }
    if (setting->kind == VALUE_CHOICE) {
        return set_choice(place, setting, value, config, err);
    }
    if (setting->kind == VALUE_SECONDS) {
        return set_seconds(place, setting, value, config, err);
    }
    if (setting->kind == VALUE_MIGRATION) {
        return set_migration(place, setting, value, config, err);
    }
    if (check_text(place, setting, value, err) < 0) {
        return -EINVAL;
    }
    if (!copy_text((char *)config + setting->offset, setting->size, value)) {
        return REFUSE(place, err, "%s: longer than %zu characters", setting->key,
                      setting->size - 1);
    }
    return 0;
}

static const struct setting *find_setting(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (strcmp(settings[i].key, key) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = '\0';
    return text;
}

static int parse_line(const struct config_place *place, char *line, uint64_t *seen,
                      struct config *config, struct error *err)
{
    line = trim(line);
    if (*line == '\0' || *line == '#') {
        return 0;
    }
    char *equals = strchr(line, '=');
    if (!equals) {
        return REFUSE(place, err, "\"%.40s\" is not of the form key = value", line);
    }
    *equals = '\0';
    const char *key = trim(line);
    const struct setting *setting = find_setting(key);
    if (!setting) {
        return REFUSE(place, err, "unknown key \"%.40s\"; berth.conf(5) lists those there are",
                      key);
    }
    uint64_t bit = UINT64_C(1) << (setting - settings);
    if (*seen & bit) {
        return REFUSE(place, err, "%s is set twice", key);
    }
    *seen |= bit;
    config->is_node_set = config->is_node_set || setting->kind == VALUE_NODE;
    return set_value(place, setting, trim(equals + 1), config, err);
}

/* What must hold between the values. */
static int check_whole(const char *path, const struct config *config, struct error *err)
{
    if ((config->etcd_certificate[0] != '\0') != (config->etcd_key[0] != '\0')) {
        return error_set(err, -EINVAL, "%s: etcd_certificate and etcd_key go together", path);
    }
    if ((config->etcd_user[0] != '\0') != (config->etcd_password_file[0] != '\0')) {
        return error_set(err, -EINVAL, "%s: etcd_user and etcd_password_file go together", path);
    }
    if ((config->api_etcd_user[0] != '\0') != (config->api_etcd_password_file[0] != '\0')) {
        return error_set(err, -EINVAL, "%s: api_etcd_user and api_etcd_password_file go together",
                         path);
    }
    if ((config->https_certificate[0] != '\0') != (config->https_key[0] != '\0')) {
        return error_set(err, -EINVAL, "%s: https_certificate and https_key go together", path);
    }
    if (config->node[0] == '\0') {
        return error_set(err, -EINVAL, "%s: this host has no usable host name; set 'node'", path);
    }
    return 0;
}

int config_parse(const char *path, const char *text, struct config *ret, struct error *err)
{
    static_assert(ARRAY_LEN(settings) <= 64, "'seen' is one word");
    struct config config;
    struct config_place place = {.path = path};
    uint64_t seen = 0;
    CLEANUP(freep) char *copy = strdup(text);
    if (!copy) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    config_default(&config);
    for (char *line = copy, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        place.line++;
        if (parse_line(&place, line, &seen, &config, err) < 0) {
            return -EINVAL;
        }
    }
    if (check_whole(path, &config, err) < 0) {
        return -EINVAL;
    }
    *ret = config;
    return 0;
}

static int read_text(FILE *file, const char *path, struct buf *text, struct error *err)
{
    char chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_add(text, chunk, got);
        if (text->failed || text->size > config_file_size_max) {
            return error_set(err, -EFBIG, "%s: larger than %d KiB", path,
                             config_file_size_max / 1024);
        }
    }
    if (ferror(file)) {
        return error_set(err, -EIO, "%s: cannot be read", path);
    }
    if (strlen(buf_str(text)) != text->size) {
        return error_set(err, -EINVAL, "%s: holds a NUL byte", path);
    }
    return 0;
}

int config_load(const char *path, struct config *ret, struct error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    const char *name = path ? path : CONFIG_PATH_DEFAULT;
    FILE *file = fopen(name, "re");
    if (!file && (path || errno != ENOENT)) {
        return error_set(err, -errno, "%s: %s", name, strerror(errno));
    }
    int r = file ? read_text(file, name, &text, err) : 0;
    if (file) {
        (void)fclose(file);
    }
    return r < 0 ? r : config_parse(name, buf_str(&text), ret, err);
}
