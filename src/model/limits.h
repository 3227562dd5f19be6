/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A limit on everything, each with its reason. The edges are tested in test/unit/model. */
#pragma once

enum {
    /* Longest name of a node, pool or VM is 63: a DNS label, and libvirt and etcd take it as is. */
    name_size = 64,
    /* What people call a VM. */
    title_size = 128,
    /* A cluster's id is a UUID in its usual form: 36 characters. */
    cluster_id_size = 40,
    /* Nodes of one cluster: sixteen times what Windows failover clusters take. Every candidate
     * hears one heartbeat a second of each, and etcd takes as many writes (bench/control). */
    nodes_max = 1024,
    /* VMs of one cluster: two for each of the 16 GPUs of each host. */
    vms_max = 32768,
    pools_max = 256,
    /* GPUs of one pool: a member is about 120 bytes of its pool's document, 180 with a long name
     * of its host, and etcd refuses requests over 1.5 MiB. */
    pool_members_max = 8192,
    /* Cards of one host, and also their partitions: 16 cards with 64 each. */
    gpus_per_node_max = 1024,
    /* What VMs can hold on one host: either of them. */
    devices_per_node_max = 2 * gpus_per_node_max,
    /* Partitions of one card: as each may be claimed, each is a guard of the transaction that takes
     * the card out of its pool, and etcd takes 128 of those. */
    partitions_per_card_max = 64,
    /* Profiles of vGPUs that one card has at the same time: sizes are halves of halves. */
    profiles_per_card_max = 8,
    /* Pools that one VM may need, and devices in all: QEMU's q35 has 32 slots on its root bus. */
    needs_per_vm_max = 8,
    gpus_per_vm_max = 16,
    /* Functions of one IOMMU group that we list. */
    companions_max = 16,
    /* Functions of one host that are no GPUs and are listed all the same: it has so many slots. */
    watched_max = 32,
    bars_max = 6,
    /* Sets of GPUs on a host's fabric: 16 GPUs in halves of halves make 31. */
    fabric_sets_max = 64,
    fabric_id_size = 24,
    /* Live moves from one host at a time: each holds a thread, and they share its network. */
    migrations_max = 16,
    /* NUMA nodes of a host that have CPUs: two sockets in four parts each make 8. */
    numa_nodes_max = 16,
    /* Sizes of huge pages, on each NUMA node. */
    huge_pages_max = 32,
    /* What a VM can be plugged into on one host, and interfaces of a VM that we look at. */
    networks_max = 128,
    vm_networks_max = 4,
    network_name_size = 56,
    /* Parts of a VM's memory that are bound to NUMA nodes. */
    binds_max = 8,
    labels_max = 32,
    /* Restarts within an hour that make a host unfit for VMs for a while. */
    node_beginnings_max = 3,
    /* VMs of a node that are not ordered there; what is beyond is left out. */
    sightings_max = 256,
    owners_max = nodes_max,
    candidates_max = nodes_max,
    affinity_max = 32,
    checks_max = 32,
    /* etcd refuses requests over 1.5 MiB by default; a domain XML is a few KiB. */
    domain_xml_size_max = 256 * 1024,
    /* Longest reason shown to a person. */
    reason_size = 200,
    /* Reasons kept for one waiting VM: of that many nodes, because thousands of VMs may wait and
     * each has its record. 'explain' finds those of all nodes. */
    reasons_max = 128,
    events_max = 10000,
    /* Of one code that strangers can write, so that they cannot push out all others. */
    events_of_strangers_max = 200,
    /* The answer that an event keeps for a request that is repeated. */
    event_answer_max = 32 * 1024,
    /* What is sealed of a fence agent: a password and a token, with for whom it is. A key of a
     * cloud account may have a few thousand bytes. */
    fence_letter_max = 8 * 1024,
    fence_tests_max = 16,      /* the newest that one host keeps: all are in its inventory */
    fence_parameters_max = 64, /* of one agent; those of the fence-agents project have some 30 */
    fence_box_max = 12 * 1024, /* sealed, in base64 */
    /* At most 32 VM starts at a time a node, as Windows; each costs memory pinning. */
    concurrent_starts_max = 32,
};
