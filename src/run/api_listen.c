/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/api_listen.h"

#include "api/api.h"
#include "base/parse.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    connections_max = 256, /* of each of the two */
    connections_kept = 32, /* for those who are logged in */
    header_limit_s = 5,
    client_timeout_s = 30,
    answer_limit_s = 120,
    pem_size_max = 256 * 1024,
    path_size = config_text_size + 40,
};

/* The two files of a certificate, and what is in them; the texts are on the heap. */
struct pem {
    char certificate_path[path_size], key_path[path_size];
    char *certificate, *key;
};

static void pem_done(struct pem *pem)
{
    if (pem->key) {
        explicit_bzero(pem->key, strlen(pem->key));
    }
    free(pem->certificate);
    free(pem->key);
}

static int read_file(const char *path, char **ret, struct error *err)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(freep) char *text = calloc(1, pem_size_max + 1);
    if (fd < 0 || !text) {
        return error_set(err, -errno, "%s cannot be read: %s", path, strerror(errno));
    }
    size_t size = 0;
    ssize_t got;
    while ((got = read(fd, text + size, pem_size_max - size)) > 0) {
        size += (size_t)got;
    }
    if (got < 0) {
        return error_set(err, -errno, "%s cannot be read: %s", path, strerror(errno));
    }
    if (size == pem_size_max || strlen(text) != size) {
        return error_set(err, -EINVAL, "%s is no PEM file", path);
    }
    *ret = TAKE(text);
    return 0;
}

/* Whole or not at all: a start that is interrupted leaves no half of a key. */
static int write_file(const char *path, const char *text, mode_t mode, struct error *err)
{
    char part[path_size + 8];
    (void)snprintf(part, sizeof(part), "%s.part", path);
    (void)unlink(part);
    CLEANUP(closep) int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    size_t size = strlen(text);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
        rename(part, path) < 0) {
        return error_set(err, errno ? -errno : -EIO, "writing %s: %s", path,
                         strerror(errno ? errno : EIO));
    }
    return 0;
}

/* The names by which clients may reach us. */
static int pem_make(const struct config *config, struct pem *pem, struct error *err)
{
    char host[http_address_size];
    unsigned port;
    int r = http_address_parse(config->https_listen, host, &port, err);
    if (r < 0) {
        return r;
    }
    bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    const char *const names[] = {config->node, "localhost", "127.0.0.1", "::1", host};
    if (mkdir(config->state_dir, 0755) < 0 && errno != EEXIST) {
        return error_set(err, -errno, "making the directory %s: %s", config->state_dir,
                         strerror(errno));
    }
    r = certificate_make(names, ARRAY_LEN(names) - (is_any ? 1 : 0), &pem->certificate, &pem->key,
                         err);
    /* The key first: a certificate without it would not be made again. */
    r = r < 0 ? r : write_file(pem->key_path, pem->key, 0600, err);
    return r < 0 ? r : write_file(pem->certificate_path, pem->certificate, 0644, err);
}

static int load(const struct config *config, struct pem *pem, struct error *err)
{
    bool is_given = config->https_certificate[0] != '\0';
    if (is_given) {
        (void)copy_text(pem->certificate_path, path_size, config->https_certificate);
        (void)copy_text(pem->key_path, path_size, config->https_key);
    } else {
        (void)snprintf(pem->certificate_path, path_size, "%s/https-certificate.pem",
                       config->state_dir);
        (void)snprintf(pem->key_path, path_size, "%s/https-key.pem", config->state_dir);
        if (access(pem->certificate_path, F_OK) < 0 && errno == ENOENT) {
            return pem_make(config, pem, err);
        }
    }
    int r = read_file(pem->certificate_path, &pem->certificate, err);
    return r < 0 ? r : read_file(pem->key_path, &pem->key, err);
}

static struct http_config common(void)
{
    return (struct http_config){
        .body_size_max = api_body_size_max,
        .connections_max = connections_max,
        .timeout_s = client_timeout_s,
        .answer_limit_s = answer_limit_s,
    };
}

int api_listen_local(sd_event *event, const struct config *config,
                     const struct http_handler *handler, void *userdata, struct http_server **ret,
                     struct error *err)
{
    struct http_config http = common();
    int r = http_listen_unix(config->api_socket, "berth", &http.listen_fd, err);
    return r < 0 ? r : http_new(event, &http, handler, userdata, ret, err);
}

static_assert((int)config_proxies_max <= (int)http_proxies_max, "all are believed");

/* The networks of trusted_proxies, which config_parse() has checked. */
static size_t read_proxies(const struct config *config, struct network *ret)
{
    size_t len = 0;
    for (size_t i = 0; i < config->trusted_proxy_len; i++) {
        len += network_parse(config->trusted_proxies[i].text, &ret[len]);
    }
    return len;
}

int api_listen_https(sd_event *event, const struct config *config,
                     const struct http_handler *handler, void *userdata,
                     struct http_server **server, struct certificate_facts *ret, struct error *err)
{
    CLEANUP(pem_done) struct pem pem = {0};
    struct network proxies[config_proxies_max];
    struct http_config http = common();
    if (config->https_listen[0] == '\0') {
        return 0;
    }
    int r = load(config, &pem, err);
    if (r < 0) {
        return r;
    }
    r = certificate_check(pem.certificate, pem.key, ret, err);
    if (r < 0) {
        return error_wrap(err, "%s and %s", pem.certificate_path, pem.key_path);
    }
    http.certificate_pem = pem.certificate;
    http.key_pem = pem.key;
    http.proxies = proxies;
    http.proxy_len = read_proxies(config, proxies);
    http.connections_per_address_max = api_connections_per_address_max;
    http.connections_kept = connections_kept;
    http.header_limit_s = header_limit_s;
    /* A certificate that signs itself is one that people accept by hand: that must stay possible.
     */
    http.is_https_only = config->https_certificate[0] != '\0';
    http_free(TAKE(*server));
    r = http_listen_tcp(config->https_listen, &http.listen_fd, err);
    return r < 0 ? r : http_new(event, &http, handler, userdata, server, err);
}
