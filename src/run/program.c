/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/program.h"

#include "run/departure.h"
#include "run/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { exit_usage = 2 };

const struct program berthd_program = {
    .name = "berthd",
    .summary = "keep the VMs and GPUs of one host of a Berth cluster",
    .is_for_host = true,
    .purpose = "Owns this host's GPUs and VMs, and coordinates the cluster when it is elected.\n",
    .more =
        "One runs on every host. It writes the host's heartbeat to the store, takes GPUs from "
        "their drivers for VMs, starts and stops the VMs that have their place on the host, and "
        "arms the hardware watchdog that resets the host when it can no longer reach the store. "
        "One of them, elected through the store, is the coordinator: it decides what runs where, "
        "fences hosts that fell silent and restarts their VMs on others.\n"
        "\n"
        "VMs keep running when berthd ends, and it finds them when it starts again. systemctl "
        "restart costs them nothing. While it is stopped (systemctl stop), nothing watches them: "
        "drain the host (berth node drain) before you stop it for longer.\n"
        "\n"
        "When the host is shut down or rebooted, berth-shutdown.service holds that up until the "
        "VMs have left it, as the setting on_shutdown says (berth cluster set). What is still "
        "there after shutdown_limit_ms is ended and restarts elsewhere.\n"
        "\n"
        "Its decisions are in the journal and in the events of the cluster (berth events).",
};

const struct program berth_api_program = {
    .name = "berth-api",
    .summary = "serve the REST API of a Berth cluster",
    .purpose = "Serves the cluster's REST API at a Unix socket, for the command berth.\n",
    .more =
        "It can run on any number of hosts. It talks only to the store, so a fault in it cannot "
        "delay a heartbeat. Access to its socket grants full control of the cluster; it is "
        "limited to root and the group berth.\n"
        "\n"
        "Its unit runs it as the user berth-api, who may write nothing but /run/berth and "
        "/var/lib/berth. The keys and passwords that berth.conf(5) names for it must be readable "
        "by the group berth-api (chown root:berth-api, mode 0640). Where api_socket or state_dir is elsewhere, tell the "
        "unit so (systemctl edit berth-api: ReadWritePaths=).",
};

const struct program_option program_options[] = {
    {"config", "FILE", "read FILE instead of " CONFIG_PATH_DEFAULT, false},
    {"check-config", NULL, "check the configuration and whether its store answers, and exit",
     false},
    {"adopt", NULL, "the store contradicts this host, and is the store of its VMs: keep them",
     true},
    {"clear", NULL, "the store contradicts this host: end its VMs and join the store", true},
    {"shutdown", NULL, "this host goes down: wait until its VMs have left it", true},
    {"only-if-stopping", NULL, "with --shutdown: do nothing unless systemd shuts the host down",
     true},
    {"version", NULL, "show the version of this program", false},
    {"help", NULL, "show this help", false},
};
const size_t program_option_len = ARRAY_LEN(program_options);

const struct program_exit program_exits[] = {
    {EXIT_SUCCESS, "it was asked to end, and did"},
    {EXIT_FAILURE, "it could not start, or it failed"},
    {exit_usage, "the command line or the configuration is wrong"},
};
const size_t program_exit_len = ARRAY_LEN(program_exits);

struct arguments {
    const char *config_path; /* NULL: the default */
    bool is_check, is_adopt, is_clear, is_version, is_help, is_wrong;
    bool is_shutdown, is_only_if_stopping;
};

static struct arguments read_arguments(const struct program *program, int argc, char **argv)
{
    struct arguments given = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            given.config_path = argv[++i];
        } else if (strcmp(argv[i], "--check-config") == 0) {
            given.is_check = true;
        } else if (strcmp(argv[i], "--adopt") == 0 && program->is_for_host) {
            given.is_adopt = true;
        } else if (strcmp(argv[i], "--clear") == 0 && program->is_for_host) {
            given.is_clear = true;
        } else if (strcmp(argv[i], "--shutdown") == 0 && program->is_for_host) {
            given.is_shutdown = true;
        } else if (strcmp(argv[i], "--only-if-stopping") == 0 && program->is_for_host) {
            given.is_only_if_stopping = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            given.is_version = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            given.is_help = true;
        } else {
            given.is_wrong = true;
        }
    }
    return given;
}

static void show_usage(const struct program *program, FILE *to)
{
    (void)fprintf(to, "usage: %s [options]\n\n%s\noptions:\n", program->name, program->purpose);
    for (size_t i = 0; i < program_option_len; i++) {
        const struct program_option *option = &program_options[i];
        char text[60];
        if (option->is_for_host && !program->is_for_host) {
            continue;
        }
        (void)snprintf(text, sizeof(text), "--%s%s%s", option->name, option->value ? " " : "",
                       option->value ? option->value : "");
        (void)fprintf(to, "  %-18s %s\n", text, option->help);
    }
    (void)fprintf(to, "\nThe manual: %s(8), berth.conf(5).\n", program->name);
}

/* For the berthd that runs, which tells the rest to its journal. */
static int resolve(const struct program *program, const struct config *config, bool is_adopted)
{
    struct error err = {0};
    if (identity_resolve(config->run_dir, is_adopted, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", program->name, err.text);
        return EXIT_FAILURE;
    }
    (void)printf("told to berthd; its journal says what came of it\n");
    return EXIT_SUCCESS;
}

/* The unit of that name does this; systemd would end a shutdown by force after half an hour. */
static int shut_down(const struct program *program, const struct config *config,
                     bool is_only_if_stopping)
{
    const msec_t limit_ms = 26 * 60 * 1000;
    struct error err = {0};
    if (is_only_if_stopping && !departure_is_due()) {
        (void)printf("this host is not going down\n");
        return EXIT_SUCCESS;
    }
    if (departure_wait(config->run_dir, limit_ms, stdout, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", program->name, err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* A host that is renamed while it runs keeps the name that it joined under until it boots: its VMs,
 * its watchdog and the others know it by that. Where the file names the node, the file counts, and
 * identity_load() refuses another name. */
static void keep_name(struct config *config)
{
    char boot_id[boot_id_size];
    if (!config->is_node_set && identity_boot_id(config->host_root, boot_id, NULL) == 0) {
        (void)identity_name(config->run_dir, boot_id, config->node);
    }
}

int program_main(const struct program *program,
                 int (*run)(const struct config *config, struct error *err),
                 void (*look)(const struct config *config, FILE *to), int argc, char **argv)
{
    struct arguments given = read_arguments(program, argc, argv);
    struct config config;
    struct error err = {0};
    char why[200];
    if (given.is_wrong || given.is_help) {
        show_usage(program, given.is_wrong ? stderr : stdout);
        return given.is_wrong ? exit_usage : EXIT_SUCCESS;
    }
    if (given.is_version) {
        (void)printf("%s %s\n", program->name, BERTH_VERSION);
        return EXIT_SUCCESS;
    }
    if (config_load(given.config_path, &config, &err) < 0 ||
        config_check_store(&config, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", program->name, err.text);
        return exit_usage;
    }
    keep_name(&config);
    if (!program->is_for_host) {
        config_for_api(&config);
    }
    if (given.is_shutdown) {
        return shut_down(program, &config, given.is_only_if_stopping);
    }
    if (given.is_adopt || given.is_clear) {
        return resolve(program, &config, given.is_adopt);
    }
    if (given.is_check && program->is_for_host && identity_told(config.run_dir, why, sizeof(why))) {
        (void)fprintf(stderr,
                      "the configuration can be read, but the store contradicts this host: %s. "
                      "berthd leaves its VMs alone until you decide: --adopt or --clear\n",
                      why);
        return EXIT_FAILURE;
    }
    if (given.is_check) {
        (void)printf("the configuration is right; this node is %s, its API listens at %s\n",
                     config.node, config.api_socket);
        if (look) {
            look(&config, stdout);
        }
        return EXIT_SUCCESS;
    }
    if (run(&config, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", program->name, err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
