/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the configuration says about whom to trust. */
#include "base/parse.h"
#include "run/config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "http://127.0.0.1:2379", "http://[::1]:2379", "http://localhost" */
static bool is_on_loopback(const char *host)
{
    size_t len = strcspn(host, ":/");
    return strncmp(host, "[::1]", 5) == 0 || (len == 9 && strncmp(host, "localhost", len) == 0) ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len);
}

const char *config_open_endpoint(const struct config *config)
{
    for (size_t i = 0; i < config->etcd_endpoint_len; i++) {
        const char *url = config->etcd_endpoints[i].text;
        if (strncmp(url, "http://", 7) == 0 && !is_on_loopback(url + 7)) {
            return url;
        }
    }
    return NULL;
}

int config_check_store(const struct config *config, struct error *err)
{
    const char *url = config_open_endpoint(config);
    if (!url || config->is_etcd_insecure) {
        return 0;
    }
    return error_set(
        err, -EPERM,
        "etcd_endpoints: %.200s is not protected: anyone who reaches it commands every "
        "host. Use https with client certificates, or set etcd_insecure = yes in a "
        "network that only the hosts can reach",
        url);
}

int config_read_secret(const char *key, const char *path, char *ret, size_t size, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return error_set(err, -errno, "cannot read %s %s: %s", key, path, strerror(errno));
    }
    bool is_read = fgets(ret, (int)size, file) != NULL;
    (void)fclose(file);
    ret[is_read ? strcspn(ret, "\r\n") : 0] = '\0';
    return ret[0] ? 0 : error_set(err, -EINVAL, "%s %s is empty", key, path);
}

bool config_has_hosts_secret(const struct config *config)
{
    return config->screen_secret_file[0] || config->etcd_password_file[0];
}

int config_read_hosts_secret(const struct config *config, char *ret, size_t size, struct error *err)
{
    bool has_own = config->screen_secret_file[0];
    return config_read_secret(has_own ? "screen_secret_file" : "etcd_password_file",
                              has_own ? config->screen_secret_file : config->etcd_password_file,
                              ret, size, err);
}

void config_domain_policy(const struct config *config, struct domain_policy *ret)
{
    static_assert((int)config_directories_max <= (int)domain_directories_max &&
                      (int)config_text_size <= (int)domain_directory_size,
                  "every directory fits");
    *ret = (struct domain_policy){
        .kind = config->is_domain_trusted ? DOMAIN_POLICY_TRUSTED : DOMAIN_POLICY_PLAIN,
        .has_open_graphics = config->has_open_graphics,
        .directory_len = config->disk_directory_len,
    };
    for (size_t i = 0; i < config->disk_directory_len; i++) {
        (void)copy_text(ret->directories[i], sizeof(ret->directories[i]),
                        config->disk_directories[i].text);
    }
}

void config_for_api(struct config *config)
{
    static_assert(sizeof(config->etcd_user) == sizeof(config->api_etcd_user), "one copy");
    if (config->api_etcd_user[0]) {
        memcpy(config->etcd_user, config->api_etcd_user, sizeof(config->etcd_user));
        memcpy(config->etcd_password_file, config->api_etcd_password_file,
               sizeof(config->etcd_password_file));
    }
}
