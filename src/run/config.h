/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration file that berthd and berth-api share: '/etc/berth/berth.conf', lines of
 * 'key = value', '#' begins a comment line. Strict: an unknown or repeated key, a value out of its
 * bounds or a line without '=' is an error that names file and line. What the whole cluster shares
 * (times, pools, fencing) is not here but in the store.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "model/limits.h"
#include "notify/mail.h"
#include "wire/domain_policy.h"

#define CONFIG_PATH_DEFAULT "/etc/berth/berth.conf"

enum {
    config_text_size = 256,
    config_path_size = 108, /* a Unix socket's path fits in no more */
    config_endpoints_max = 16,
    config_devices_max = 32,
    config_directories_max = 16,
    config_proxies_max = 16,
    config_erasers_max = 8,
};

struct config_text {
    char text[config_text_size];
};

struct config {
    char node[name_size]; /* node: this host's name in the cluster; default: its host name */
    bool is_node_set;     /* the file names it */

    /* The store. */
    struct config_text
        etcd_endpoints[config_endpoints_max]; /* etcd_endpoints: URLs, by space or , */
    size_t etcd_endpoint_len;
    char etcd_prefix[config_text_size];      /* etcd_prefix: begins and ends with '/' */
    char etcd_ca[config_text_size];          /* etcd_ca: certificate authority of https ones */
    char etcd_certificate[config_text_size]; /* etcd_certificate, etcd_key: who we are, TLS */
    char etcd_key[config_text_size];
    bool is_etcd_insecure;                     /* etcd_insecure: plain http over the network */
    char etcd_user[config_text_size];          /* etcd_user, etcd_password_file: who we are, auth */
    char etcd_password_file[config_text_size]; /* its first line is the password */
    char api_etcd_user[config_text_size]; /* api_etcd_user, api_etcd_password_file: berth-api's */
    char api_etcd_password_file[config_text_size];

    /* The host. */
    char libvirt_uri[config_text_size];       /* libvirt_uri */
    char migration_address[config_text_size]; /* migration_address; "": none comes or goes live */
    bool is_migration_open; /* it would not be encrypted, and is left out: config_fault() */
    char
        screen_address[config_text_size]; /* screen_address; "": the screens of VMs are not shown */
    char screen_secret_file[config_text_size]; /* screen_secret_file; "": api_etcd_password_file */
    bool is_domain_trusted; /* domain_policy: a domain may use libvirt's whole language */
    bool has_open_graphics; /* graphics_listen: displays may be reached from elsewhere */
    struct config_text disk_directories[config_directories_max]; /* disk_directories */
    size_t disk_directory_len;
    char watchdog[config_text_size];      /* watchdog: the device, or "none" */
    char power_command[config_text_size]; /* run with "poweroff" or "reboot" */
    char host_root[config_text_size];     /* host_root: where /sys and /proc are found; tests */
    struct config_text devices[config_devices_max]; /* devices: addresses of other passthrough
                                                       functions to treat as GPUs */
    size_t device_len;
    struct config_text whole_groups[config_devices_max]; /* whole_groups: cards that take the others
                                                            of their IOMMU group along */
    size_t whole_group_len;
    struct config_text erase_commands[config_erasers_max]; /* erase_commands: NAME=PROGRAM, with
                                                              which devices are erased after use */
    size_t erase_command_len;
    char fabric_helper[config_text_size]; /* fabric_helper; "": none */
    msec_t erase_ms;                      /* erase_seconds: how long one may take */

    /* Ourselves. */
    char api_socket[config_path_size];        /* api_socket: where berth-api listens */
    char https_listen[config_text_size];      /* https_listen: "127.0.0.1:8643"; "": not at all */
    char https_certificate[config_text_size]; /* https_certificate, https_key: PEM files; "": one
                                                 of our own, made at the first start */
    char https_key[config_text_size];
    struct config_text
        trusted_proxies[config_proxies_max]; /* trusted_proxies: addresses, networks */
    size_t trusted_proxy_len;
    msec_t session_idle_ms; /* session_idle_seconds: a console session no one uses ends */
    char webhook_file[config_text_size];     /* webhook_file; "": no one is told */
    struct config_text mail_to[mail_to_max]; /* mail_to; none: no one is told by mail */
    size_t mail_to_len;
    char mail_from[config_text_size];          /* mail_from; "": berth@NODE */
    char mail_server[config_text_size];        /* mail_server: a URL */
    char mail_password_file[config_text_size]; /* mail_password_file; "": no login */
    char host_key_file[config_text_size];      /* host_key_file: that of berthd, made by it */
    char run_dir[config_text_size];            /* run_dir: berthd's; gone at reboot */
    char state_dir[config_text_size];          /* state_dir: berth-api's; kept over a reboot */
};

/* The first endpoint of the store that is plain http to another host, so that a stranger who
 * reaches it, or sits on the way, may write to it; NULL: there is none. */
const char *config_open_endpoint(const struct config *config);

/* 0; or -EPERM with a sentence: the store is open, and etcd_insecure does not say that it may be.
 */
int config_check_store(const struct config *config, struct error *err);

/* What to tell of a migration_address that would not be encrypted, and does not say that it may be:
 * it counts as absent, for an earlier version took it, and a host without berthd loses its VMs.
 * NULL: there is none. */
const char *config_fault(const struct config *config);

/* The user of the store becomes berth-api's, where it has one of its own. */
void config_for_api(struct config *config);

/* The first line of 'path' into 'ret', named 'key' in what is wrong. -errno, -EINVAL. */
int config_read_secret(const char *key, const char *path, char *ret, size_t size,
                       struct error *err);

/* Whether this host has a secret that all hosts of the cluster share: one of its own, or the
 * password of berth-api's user of the store; and its text. What is made of it must say for what. */
bool config_has_hosts_secret(const struct config *config);
int config_read_hosts_secret(const struct config *config, char *ret, size_t size,
                             struct error *err);

/* The part of 'config' that domains are checked with. */
void config_domain_policy(const struct config *config, struct domain_policy *ret);

/* All defaults, the node named after the host. */
void config_default(struct config *ret);

/* Reads 'path' over the defaults; NULL: CONFIG_PATH_DEFAULT, which may be missing. Errors: the
 * file cannot be read (-errno), or -EINVAL "berth.conf:7: ...". '*ret' is whole on success only. */
int config_load(const char *path, struct config *ret, struct error *err);

/* The same over text that is already in memory; 'path' is for the messages. For tests. */
int config_parse(const char *path, const char *text, struct config *ret, struct error *err);

/* ---- the keys, for the manual ---- */

struct config_key {
    const char *name;
    const char *section;             /* "THE STORE": keys of one section follow each other */
    const char *help;                /* sentences */
    char fallback[config_text_size]; /* the default, in words; "" none */
};

size_t config_key_len(void);
/* The key at 'i', below config_key_len(). */
void config_key(size_t i, struct config_key *ret);
