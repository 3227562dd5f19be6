/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/fence_rule.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

int fence_agent_check(const char *agent, struct error *err)
{
    static const char prefix[] = "fence_";
    size_t len = strlen(prefix);
    bool is_name = strncmp(agent, prefix, len) == 0 && agent[len] != '\0' &&
                   strlen(agent) < name_size && strspn(agent, lower) == strlen(agent);
    return is_name
               ? 0
               : error_set(err, -EINVAL,
                           "the name of a fence agent begins with fence_ and has only lower-case "
                           "letters, digits and _, such as fence_ipmilan: it is not a path");
}

static bool is_one_of(const char *word, size_t len, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) == len && strncasecmp(word, words[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether any word of 'text' is one of 'words'. What is no letter or digit parts words. */
static bool has_word(const char *text, const char *const *words, size_t count)
{
    for (const char *at = text; *at;) {
        size_t len = 0;
        while (isalnum((unsigned char)at[len])) {
            len++;
        }
        if (is_one_of(at, len, words, count)) {
            return true;
        }
        at += len;
        at += *at ? 1 : 0;
    }
    return false;
}

/* Words of parameters that name a program, a script, a file or options of a program. */
static const char *const programs[] = {
    "path",     "paths",   "script",     "scripts",  "file",      "files",       "filename",
    "dir",      "folder",  "directory",  "debug",    "debugfile", "logfile",     "conf",
    "config",   "program", "kubeconfig", "option",   "options",   "opts",        "args",
    "argument", "command", "arguments",  "commands", "cmd",       "exec",        "executable",
    "binary",   "shell",   "sudo",       "identity", "env",       "environment", "keyfile",
};

/* These name a path of the device's web service, not of the host. */
static bool is_web_path(const char *key)
{
    static const char *const keys[] = {"api_path", "redfish_uri", "systems_uri"};
    return is_one_of(key, strlen(key), keys, ARRAY_LEN(keys));
}

bool fence_kind_is_refused(const char *key, const char *kind)
{
    return has_word(kind, programs, ARRAY_LEN(programs)) && !is_web_path(key);
}

static int check_key(const char *key, struct error *err)
{
    if (key[0] == '\0' || strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(key)) {
        return error_set(err, -EINVAL,
                         "\"%.80s\" is no parameter of a fence agent: their names consist of "
                         "lower-case letters, digits, _ and -",
                         key);
    }
    if (strcmp(key, "action") == 0 || strcmp(key, "option") == 0) {
        return error_set(err, -EINVAL, "Berth sets the fence parameter %s itself", key);
    }
    static const char *const missing[] = {"missing"};
    if (has_word(key, missing, ARRAY_LEN(missing))) {
        return error_set(err, -EINVAL,
                         "the fence parameter %s is not allowed: a plug that the device does not "
                         "know proves nothing",
                         key);
    }
    if (has_word(key, programs, ARRAY_LEN(programs)) && !is_web_path(key)) {
        return error_set(err, -EINVAL,
                         "the fence parameter %s is not allowed: it names a program, a file or "
                         "options on the host that runs the agent",
                         key);
    }
    return 0;
}

/* Passwords and the like: agents quote them or pass them on standard input. */
static bool is_free_text(const char *key)
{
    static const char *const words[] = {"pass",  "passwd", "password",  "secret",
                                        "token", "key",    "community", "kg"};
    return has_word(key, words, ARRAY_LEN(words));
}

static int check_value(const char *key, const char *value, struct error *err)
{
    for (const char *at = value; *at; at++) {
        if (iscntrl((unsigned char)*at)) {
            return error_set(err, -EINVAL,
                             "the fence parameter %s holds a line break or another control "
                             "character",
                             key);
        }
    }
    if (is_free_text(key) || fence_parameter_is_sealed(key, value)) {
        return 0;
    }
    if (value[0] == '-' || (value[0] == '/' && !is_web_path(key)) || strstr(value, "..")) {
        return error_set(err, -EINVAL,
                         "the value of the fence parameter %s must not be a path or begin with -",
                         key);
    }
    size_t len = strcspn(value, " \"'`$;&|<>(){}*?!#");
    if (value[len] != '\0') {
        return error_set(err, -EINVAL,
                         "the value of the fence parameter %s must not hold the character '%c'",
                         key, value[len]);
    }
    return 0;
}

int fence_parameter_check(const struct fence_parameter *parameter, struct error *err)
{
    int r = check_key(parameter->key, err);
    return r < 0 ? r : check_value(parameter->key, parameter->value, err);
}

bool fence_parameter_is_harmless(const char *key)
{
    static const char *const keys[] = {
        "ip",
        "ipaddr",
        "ipport",
        "inet4_only",
        "inet6_only",
        "username",
        "login",
        "user",
        "plug",
        "port",
        "ports",
        "nodename",
        "uuid",
        "lanplus",
        "auth",
        "cipher",
        "privlvl",
        "ssl",
        "ssl_secure",
        "ssl_insecure",
        "notls",
        "tls1_0",
        "ssh",
        "secure",
        "snmp_version",
        "snmp_auth_prot",
        "snmp_priv_prot",
        "snmp_sec_level",
        "udpport",
        "delay",
        "timeout",
        "login_timeout",
        "power_timeout",
        "power_wait",
        "shell_timeout",
        "retry_on",
        "target",
        "module",
        "module_name",
        "switch",
        "separator",
        "region",
        "zone",
        "project",
        "redfish_uri",
        "systems_uri",
        "api_path",
        "api_version",
        "datacenter",
        "hexadecimal",
        "quiet",
        "verbose",
        "pve_node",
        "vmtype",
        "managed",
    };
    return is_one_of(key, strlen(key), keys, ARRAY_LEN(keys));
}

bool fence_parameter_is_sealed(const char *key, const char *value)
{
    return strcmp(value, FENCE_SEALED) == 0 && !fence_parameter_is_harmless(key);
}

const struct fence_parameter *fence_level_readable_secret(const struct fence_level *level)
{
    for (size_t i = 0; i < level->parameter_len; i++) {
        const struct fence_parameter *each = &level->parameters[i];
        if (!fence_parameter_is_harmless(each->key) && strcmp(each->value, FENCE_SEALED) != 0) {
            return each;
        }
    }
    return NULL;
}

bool fence_parameter_is_bound(const char *key)
{
    static const char *const keys[] = {
        "delay",         "timeout",  "login_timeout", "power_timeout", "power_wait",
        "shell_timeout", "retry_on", "quiet",         "verbose",
    };
    return fence_parameter_is_harmless(key) && !is_one_of(key, strlen(key), keys, ARRAY_LEN(keys));
}

const char *fence_box_read(const char *text, char ret_key[seal_public_size])
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    enum { head_len = 2, key_len = seal_public_size - 1 };
    ret_key[0] = '\0';
    if (strncmp(text, "1:", head_len) != 0 || strspn(text + head_len, digits) != key_len ||
        text[head_len + key_len] != ':') {
        return NULL;
    }
    const char *box = text + head_len + key_len + 1;
    if (!box[0] || strspn(box, digits) != strlen(box)) {
        return NULL;
    }
    memcpy(ret_key, text + head_len, key_len);
    ret_key[key_len] = '\0';
    return box;
}
