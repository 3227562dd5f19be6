/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/live/etcd_cluster.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "test/test.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { start_limit_ms = 30000, pause_ms = 50 };

static msec_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (msec_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_a_bit(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000}, NULL);
}

int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    CLEANUP(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    return ntohs(address.sin_port);
}

/* ---- processes ---- */

/* 'args' ends with NULL; output goes to 'log' in the cluster's directory. */
static pid_t spawn(const struct etcd_cluster *cluster, const char *log, const char *const *args)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", cluster->dir, log);
    pid_t parent = getpid();
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) {
            _exit(127);
        }
        (void)signal(SIGPIPE, SIG_DFL);
        (void)execvp(args[0], (char *const *)(uintptr_t)args);
        _exit(127);
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static void run(const struct etcd_cluster *cluster, const char *const *args)
{
    int status = wait_for(spawn(cluster, "openssl.log", args));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        test_fail(__FILE__, __LINE__, "%s %s: status %d", args[0], args[1], status);
        test_abandon();
    }
}

/* ---- certificates ---- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    REQUIRE(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* One authority, and one certificate for members and clients: the gateway speaks to its own member
 * as a client with the member's certificate. */
static void make_certificates(struct etcd_cluster *cluster)
{
    char ca_key[300], request[300], extensions[300];
    (void)snprintf(ca_key, sizeof(ca_key), "%.200s/ca.key", cluster->dir);
    (void)snprintf(request, sizeof(request), "%.200s/member.csr", cluster->dir);
    (void)snprintf(extensions, sizeof(extensions), "%.200s/member.ext", cluster->dir);
    (void)snprintf(cluster->ca, sizeof(cluster->ca), "%.200s/ca.crt", cluster->dir);
    (void)snprintf(cluster->cert, sizeof(cluster->cert), "%.200s/member.crt", cluster->dir);
    (void)snprintf(cluster->key, sizeof(cluster->key), "%.200s/member.key", cluster->dir);
    write_file(extensions, "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n");
    run(cluster,
        (const char *const[]){"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                              "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca_key, "-out",
                              cluster->ca, "-days", "2", "-subj", "/CN=test-ca", NULL});
    run(cluster, (const char *const[]){"openssl", "req", "-newkey", "ec", "-pkeyopt",
                                       "ec_paramgen_curve:P-256", "-nodes", "-keyout", cluster->key,
                                       "-out", request, "-subj", "/O=test", NULL});
    run(cluster, (const char *const[]){"openssl", "x509", "-req", "-in", request, "-CA",
                                       cluster->ca, "-CAkey", ca_key, "-CAcreateserial", "-out",
                                       cluster->cert, "-days", "2", "-extfile", extensions, NULL});
}

/* ---- members ---- */

void etcd_member_start(struct etcd_cluster *cluster, size_t index)
{
    struct etcd_member *member = &cluster->members[index];
    const char *scheme = cluster->options.has_tls ? "https" : "http";
    CLEANUP(buf_done) struct buf everybody = {0};
    char name[16], data[300], log[32], peer[64];
    REQUIRE(member->pid == 0);
    for (size_t i = 0; i < cluster->options.member_len; i++) {
        buf_printf(&everybody, "%sm%zu=http://127.0.0.1:%d", i > 0 ? "," : "", i,
                   cluster->members[i].peer_port);
    }
    (void)snprintf(name, sizeof(name), "m%zu", index);
    (void)snprintf(log, sizeof(log), "m%zu.log", index);
    (void)snprintf(data, sizeof(data), "%s/%s", cluster->dir, name);
    (void)snprintf(peer, sizeof(peer), "http://127.0.0.1:%d", member->peer_port);
    (void)snprintf(member->url, sizeof(member->url), "%s://127.0.0.1:%d", scheme,
                   member->client_port);
    const char *args[40] = {"etcd",
                            "--name",
                            name,
                            "--data-dir",
                            data,
                            "--listen-client-urls",
                            member->url,
                            "--advertise-client-urls",
                            member->url,
                            "--listen-peer-urls",
                            peer,
                            "--initial-advertise-peer-urls",
                            peer,
                            "--initial-cluster",
                            buf_str(&everybody),
                            "--initial-cluster-state",
                            "new",
                            "--logger",
                            "zap",
                            "--log-level",
                            "warn"};
    size_t len = 21;
    if (cluster->options.has_tls) {
        const char *const secure[] = {"--client-cert-auth", "--trusted-ca-file", cluster->ca,
                                      "--cert-file",        cluster->cert,       "--key-file",
                                      cluster->key};
        memcpy(args + len, secure, sizeof(secure));
    }
    member->pid = spawn(cluster, log, args);
}

void etcd_member_kill(struct etcd_cluster *cluster, size_t index)
{
    struct etcd_member *member = &cluster->members[index];
    if (member->pid > 0) {
        (void)kill(member->pid, SIGKILL);
        (void)wait_for(member->pid);
        member->pid = 0;
    }
}

void etcd_member_signal(struct etcd_cluster *cluster, size_t index, int signal)
{
    int status = 0;
    pid_t pid = cluster->members[index].pid;
    REQUIRE(pid > 0);
    (void)kill(pid, signal);
    /* Its threads stop one after the other, and may answer until then. */
    while (signal == SIGSTOP && !WIFSTOPPED(status)) {
        REQUIRE(waitpid(pid, &status, WUNTRACED) == pid || errno == EINTR);
    }
}

/* ---- raw requests ---- */

static size_t take(char *bytes, size_t one, size_t size, void *userdata)
{
    (void)one;
    buf_add(userdata, bytes, size);
    return size;
}

long etcd_raw(const struct etcd_cluster *cluster, size_t index, const char *path, const char *json,
              const char *token, char *ret, size_t size)
{
    CLEANUP(buf_done) struct buf reply = {0};
    char url[200], line[600];
    long status = 0;
    CURL *easy = curl_easy_init();
    REQUIRE(easy);
    (void)snprintf(url, sizeof(url), "%s%s", cluster->members[index].url, path);
    (void)snprintf(line, sizeof(line), "Authorization: %s", token ? token : "");
    struct curl_slist *headers = token ? curl_slist_append(NULL, line) : NULL;
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, json);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply);
    if (cluster->options.has_tls) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, cluster->ca);
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, cluster->cert);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, cluster->key);
    }
    if (curl_easy_perform(easy) == CURLE_OK) {
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    (void)snprintf(ret, size, "%s", buf_str(&reply));
    return status;
}

/* Whether 'index' knows that it leads. */
static bool is_leader(const struct etcd_cluster *cluster, size_t index)
{
    char reply[1000];
    if (etcd_raw(cluster, index, "/v3/maintenance/status", "{}", NULL, reply, sizeof(reply)) !=
        200) {
        return false;
    }
    json_t *json = json_loads(reply, 0, NULL);
    const char *leader = json_string_value(json_object_get(json, "leader"));
    const char *self =
        json_string_value(json_object_get(json_object_get(json, "header"), "member_id"));
    bool is_same = leader && self && strcmp(leader, self) == 0;
    json_decref(json);
    return is_same;
}

size_t etcd_cluster_leader(struct etcd_cluster *cluster)
{
    msec_t limit = now_ms() + start_limit_ms;
    while (now_ms() < limit) {
        for (size_t i = 0; i < cluster->options.member_len; i++) {
            if (cluster->members[i].pid > 0 && is_leader(cluster, i)) {
                return i;
            }
        }
        pause_a_bit();
    }
    test_fail(__FILE__, __LINE__, "no leader within %d ms", start_limit_ms);
    test_abandon();
}

/* A write below another prefix than any test's. With authentication on, it is refused for want of a
 * user: that is an answer too. */
static bool is_healthy(const struct etcd_cluster *cluster, size_t index)
{
    char reply[1000];
    long status = etcd_raw(cluster, index, "/v3/kv/put",
                           "{\"key\":\"aGVhbHRo\",\"value\":\"eA==\"}", NULL, reply, sizeof(reply));
    return status == 200 || (status == 400 && strstr(reply, "user name is empty"));
}

void etcd_cluster_heal(struct etcd_cluster *cluster)
{
    msec_t limit = now_ms() + start_limit_ms;
    for (size_t i = 0; i < cluster->options.member_len; i++) {
        if (cluster->members[i].pid == 0) {
            etcd_member_start(cluster, i);
        }
    }
    for (size_t i = 0; i < cluster->options.member_len; i++) {
        while (!is_healthy(cluster, i)) {
            if (now_ms() > limit) {
                test_fail(__FILE__, __LINE__, "member %zu is not healthy within %d ms; see %s", i,
                          start_limit_ms, cluster->dir);
                cluster->dir[0] = '\0'; /* kept */
                test_abandon();
            }
            pause_a_bit();
        }
    }
}

/* ---- the cluster ---- */

void etcd_cluster_start(struct etcd_cluster *cluster, const struct etcd_cluster_options *options)
{
    const char *base = getenv("TMPDIR");
    *cluster = (struct etcd_cluster){.options = *options};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(cluster->dir, sizeof(cluster->dir), "%.200s/berth-etcd-XXXXXX",
                   base ? base : "/tmp");
    REQUIRE(mkdtemp(cluster->dir));
    for (size_t i = 0; i < options->member_len; i++) {
        cluster->members[i].client_port = free_port();
        cluster->members[i].peer_port = free_port();
        cluster->endpoints[i] = cluster->members[i].url;
    }
    if (options->has_tls) {
        make_certificates(cluster);
    }
    etcd_cluster_heal(cluster);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void etcd_cluster_stop(struct etcd_cluster *cluster)
{
    for (size_t i = 0; i < cluster->options.member_len; i++) {
        etcd_member_kill(cluster, i);
    }
    if (cluster->dir[0]) {
        (void)nftw(cluster->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static struct etcd_cluster *needed;

static void stop_needed(void)
{
    etcd_cluster_stop(needed);
}

void etcd_cluster_need(struct etcd_cluster *cluster)
{
    if (!needed) {
        needed = cluster;
        (void)atexit(stop_needed);
        etcd_cluster_start(cluster, &(struct etcd_cluster_options){.member_len = 3});
    }
}
