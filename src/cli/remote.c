/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/remote.h"

#include <ctype.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

enum { hash_size = 32 };

static const char *option_or(const struct cli *cli, const char *option, const char *variable)
{
    const char *given = cli_option(cli, option);
    const char *environment = variable ? getenv(variable) : NULL;
    return given ? given : environment && environment[0] ? environment : NULL;
}

/* ---- the token ---- */

static int set_token(const struct cli *cli, const char *token, struct remote *ret)
{
    size_t len = strcspn(token, "\r\n");
    if (len == 0 || len >= remote_token_size) {
        return cli_fail(cli, EXIT_USAGE, "the token is empty or too long");
    }
    (void)snprintf(ret->header, sizeof(ret->header), "Authorization: Bearer %.*s", (int)len, token);
    return EXIT_OK;
}

static int read_token(const struct cli *cli, struct remote *ret)
{
    const char *path = cli_option(cli, "token-file");
    const char *environment = getenv("BERTH_TOKEN");
    char line[remote_token_size] = "";
    if (!path) {
        return environment && environment[0] ? set_token(cli, environment, ret) : EXIT_OK;
    }
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, sizeof(line), file)) {
        int r = cli_fail(cli, EXIT_USAGE, "%s: %s", path, file ? "is empty" : strerror(errno));
        if (file) {
            (void)fclose(file);
        }
        return r;
    }
    (void)fclose(file);
    int r = set_token(cli, line, ret);
    explicit_bzero(line, sizeof(line));
    return r;
}

int remote_read(const struct cli *cli, struct remote *ret)
{
    *ret = (struct remote){0};
    if (cli_option(cli, "socket")) {
        return cli_option(cli, "host")
                   ? cli_fail(cli, EXIT_USAGE, "--socket and --host exclude each other")
                   : EXIT_OK;
    }
    ret->host = option_or(cli, "host", "BERTH_HOST");
    if (!ret->host) {
        return EXIT_OK;
    }
    if (strncmp(ret->host, "https://", 8) != 0 || ret->host[8] == '\0') {
        return cli_fail(cli, EXIT_USAGE, "\"%s\" is no host such as https://10.0.0.1:8643",
                        ret->host);
    }
    ret->ca = option_or(cli, "ca", "BERTH_CA");
    ret->fingerprint = option_or(cli, "fingerprint", "BERTH_FINGERPRINT");
    return read_token(cli, ret);
}

/* ---- the certificate ---- */

/* "ab:CD:..." and "abcd..." are the same. */
static bool is_fingerprint(const unsigned char *hash, const char *text)
{
    for (size_t i = 0; i < hash_size; i++) {
        char two[3] = "";
        text += *text == ':' && i > 0 ? 1 : 0;
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1])) {
            return false;
        }
        memcpy(two, text, 2);
        if (strtoul(two, NULL, 16) != hash[i]) {
            return false;
        }
        text += 2;
    }
    return *text == '\0';
}

static bool has_fingerprint(const char *pem, const char *wanted)
{
    unsigned char hash[hash_size];
    size_t size = sizeof(hash);
    const gnutls_datum_t text = {(void *)(uintptr_t)pem, (unsigned)strlen(pem)};
    gnutls_x509_crt_t certificate;
    if (gnutls_x509_crt_init(&certificate) < 0) {
        return false;
    }
    bool is_it =
        gnutls_x509_crt_import(certificate, &text, GNUTLS_X509_FMT_PEM) == 0 &&
        gnutls_x509_crt_get_fingerprint(certificate, GNUTLS_DIG_SHA256, hash, &size) == 0 &&
        is_fingerprint(hash, wanted);
    gnutls_x509_crt_deinit(certificate);
    return is_it;
}

/* The connection is there, nothing was sent on it: is it the server that was meant? */
static int on_connected(void *userdata, char *remote_ip, char *local_ip, int remote_port,
                        int local_port)
{
    CURL *curl = userdata;
    const char *wanted = NULL;
    struct curl_certinfo *info = NULL;
    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    (void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, &wanted);
    (void)curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info);
    const struct curl_slist *line = info && info->num_of_certs > 0 ? info->certinfo[0] : NULL;
    for (; line && wanted; line = line->next) {
        if (strncmp(line->data, "Cert:", 5) == 0) {
            return has_fingerprint(line->data + 5, wanted) ? CURL_PREREQFUNC_OK
                                                           : CURL_PREREQFUNC_ABORT;
        }
    }
    return CURL_PREREQFUNC_ABORT;
}

void remote_apply(const struct remote *remote, CURL *curl)
{
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (remote->ca) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, remote->ca);
    }
    if (remote->fingerprint) {
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_PRIVATE, remote->fingerprint);
        (void)curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
        (void)curl_easy_setopt(curl, CURLOPT_PREREQDATA, curl);
        /* Each connection shows its certificate once. */
        (void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    }
}
