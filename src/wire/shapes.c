/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables: every field of every record. test/unit/wire_record.c checks that none is missing.
 * Longer than most: rows, read one by one.
 */
#include "wire/shape_access.h"
#include "wire/shape_cluster.h"
#include "wire/shape_table.h"
#include "wire/shape_use.h"
#include "wire/shape_words.h"

#include <assert.h>

enum {
    gpus_listed_max = gpus_per_node_max,
};

/* ---- causes ---- */

/* The parameters of a code, as members of OWNER below 'facts'. Which of them it uses, words.c
 * shows; the others are not written. */
#define FACTS(facts)                                                                               \
    TEXT("node", facts.node, ABOUT("host"), SPARSE),                                               \
        TEXT("who", facts.who, ABOUT("another host, VM, device, or agent"), SPARSE),               \
        TEXT("pool", facts.pool, ABOUT("GPU pool"), SPARSE),                                       \
        TEXT("device", facts.device, ABOUT("GPU"), SPARSE),                                        \
        BOOL("no_gpu", facts.is_other, ABOUT("whether the device is no GPU"), SPARSE),             \
        TEXT("label", facts.label, ABOUT("label, as key=value"), SPARSE),                          \
        U64("count", facts.count, ABOUT("how many, or how often"), SPARSE),                        \
        U64("need", facts.need, ABOUT("how much of it is needed"), SPARSE),                        \
        U64("have", facts.have, ABOUT("how much of it there is to be had"), SPARSE),               \
        U64("total", facts.total, ABOUT("how much of it there is in all"), SPARSE),                \
        SPAN("ms", facts.ms, ABOUT("time in ms"), SPARSE),                                         \
        SPAN("limit_ms", facts.limit_ms, ABOUT("time limit in ms"), SPARSE),                       \
        TEXT("detail", facts.detail, ABOUT("message of a guest, agent, or kernel"), SPARSE)

#define OWNER struct cause
static const struct field cause_fields[] = {
    /* Before 'detail', which says more than the word that it is until then. */
    ENUM_OPEN("code", code, cause_code_words, CAUSE_SAID, facts.detail,
              ABOUT("what it is; the other fields are its parameters")),
    FACTS(facts),
};
SHAPE(cause_shape, cause_fields);
static const struct field parameter_fields[] = {FACTS(facts)};
SHAPE(parameter_shape, parameter_fields);
const struct shape *const shape_of_cause = &cause_shape;
const struct shape *const shape_of_parameters = &parameter_shape;
#undef OWNER

/* ---- nodes ---- */

#define OWNER struct node_label
static const struct field label_fields[] = {TEXT("key", key, ABOUT("key of the label")),
                                            TEXT("value", value, ABOUT("value of the label"))};
SHAPE(label_shape, label_fields);
#undef OWNER

static const struct field address_item = {.type = FIELD_ADDRESS,
                                          .size = sizeof(struct pci_address)};

#define OWNER struct vgpu_share
static const struct field share_fields[] = {
    TEXT("profile", profile, ABOUT("type of the vGPUs")),
    U32("partitions", count, ABOUT("number of them")),
};
SHAPE(share_shape, share_fields);
ITEM(share_item, share_shape);
#undef OWNER

#define OWNER struct dismount
static const struct field dismount_fields[] = {
    ADDRESS("address", address, ABOUT("PCI address of the card")),
    TEXT("identity", identity, ABOUT("model that was at this address when it was dismounted")),
    BOOL("forced", is_forced, ABOUT("dismounted although the host used it or it cannot be reset")),
    U32("partitions", partitions,
        ABOUT("number of partitions to use instead of the whole card; 0: the card")),
    TEXT("profile", profile, ABOUT("type of these if they are vGPUs; empty: virtual functions"),
         SPARSE),
    ARRAY("more", more, more_len, share_item,
          ABOUT("vGPUs of other types that the card has at the same time"), SPARSE),
};
SHAPE(dismount_shape, dismount_fields);
ITEM(dismount_item, dismount_shape);
#undef OWNER

#define OWNER struct gpu_release
static const struct field release_fields[] = {
    SLOT("address", slot, ABOUT("GPU whose quarantine is lifted"))};
SHAPE(release_shape, release_fields);
ITEM(release_item, release_shape);
#undef OWNER

#define OWNER struct node_spec
static const struct field node_spec_fields[] = {
    ENUM("mode", mode, node_mode_words, ABOUT("whether the host takes VMs: active, paused, drain")),
    BOOL("force", force, ABOUT("while draining, also stop VMs that find no other place")),
    ENUM("migration", migration, migration_words,
         ABOUT("while draining, how running VMs move; default: each as it is set"), SPARSE),
    ENUM("fencing", fencing, fencing_words,
         ABOUT("how the host is proven off: watchdog, power, or manual"), POLICY),
    TEXT("fence_agent", fence_agent, ABOUT("fence agent to run, such as fence_ipmilan"), POLICY),
    MAP("fence_parameters", fence_parameters, shape_of_fence_parameter, fence_parameters_max,
        ABOUT("parameters of the fence agent; (sealed): its value is in the box"), POLICY),
    HEAP_TEXT("fence_box", fence_box, fence_box_max, ABOUT("its sealed secrets"), POLICY, SPARSE),
    STRUCT("fence_level_2", fence_more[0], shape_of_fence_device,
           ABOUT("fence agent to try when fence_agent fails or does not answer in time"), POLICY),
    STRUCT("fence_level_3", fence_more[1], shape_of_fence_device,
           ABOUT("fence agent to try when that of level 2 fails, too"), POLICY),
    MAP("labels", labels, label_shape, labels_max, ABOUT("labels that VMs can require"), POLICY),
    LIST("dismounted", dismounted, dismount_item, gpus_listed_max,
         ABOUT("GPUs taken from the host for VMs")),
    LIST("watched", watched, address_item, watched_max,
         ABOUT("other PCI functions that are listed like GPUs"), SPARSE),
    LIST("released", released, release_item, gpus_listed_max,
         ABOUT("GPUs released from quarantine by this change")),
    U64("confirmed_off", confirmed_off,
        ABOUT("incarnation that an administrator confirmed to be off; 0: none")),
    U64("confirmed_counter", confirmed_counter, ABOUT("last heartbeat of that incarnation")),
    ENUM("power", power, node_power_words,
         ABOUT("what the host is to do once its VMs have left it: none, shutdown, or reboot")),
    U64("power_incarnation", power_incarnation,
        ABOUT("incarnation in which it is to do that; no later one does")),
    U64("removed", removed, ABOUT("incarnation whose removal was ordered; 0: none")),
    U64("removed_counter", removed_counter, ABOUT("last heartbeat of that incarnation")),
};
SHAPE(node_spec_shape, node_spec_fields);
#undef OWNER

#define OWNER struct gpu_mdev_type
static const struct field mdev_type_fields[] = {
    TEXT("id", id, ABOUT("identifier of the type")),
    TEXT("name", name, ABOUT("name given by the vendor's driver")),
    U32("available", available, ABOUT("instances that can still be created")),
};
SHAPE(mdev_type_shape, mdev_type_fields);
ITEM(mdev_type_item, mdev_type_shape);
#undef OWNER

static const struct field bar_item = {
    .type = FIELD_INTEGER, .size = sizeof(uint64_t), .max = INT64_MAX};

#define OWNER struct gpu
static const struct field gpu_fields[] = {
    ADDRESS("address", address, ABOUT("PCI address")),
    HEX("vendor", vendor, 4, UINT16_MAX, ABOUT("PCI vendor ID")),
    HEX("device", device, 4, UINT16_MAX, ABOUT("PCI device ID")),
    HEX("subsystem_vendor", subsystem_vendor, 4, UINT16_MAX, ABOUT("PCI subsystem vendor ID")),
    HEX("subsystem_device", subsystem_device, 4, UINT16_MAX, ABOUT("PCI subsystem ID")),
    HEX("class", class_code, 6, 0xffffff, ABOUT("PCI class code")),
    TEXT("vendor_name", vendor_name, ABOUT("vendor")),
    TEXT("device_name", device_name, ABOUT("model")),
    TEXT("serial", serial, ABOUT("serial number")),
    INTEGER("iommu_group", iommu_group, -1, INT32_MAX, ABOUT("IOMMU group; -1: none")),
    ARRAY("companions", companions, companion_len, address_item,
          ABOUT("other functions in the IOMMU group that go with the GPU")),
    U64("companion_mmio", companion_mmio, ABOUT("guest address space in bytes that those need")),
    INTEGER("numa_node", numa_node, -1, INT32_MAX, ABOUT("NUMA node; -1: unknown")),
    TEXT("driver", driver, ABOUT("kernel driver bound to the device")),
    BOOL("overridden", is_overridden, ABOUT("whether driver_override is set")),
    ARRAY_FULL("bar_size", bar_size, bar_item, ABOUT("sizes of the memory regions in bytes")),
    FLAGS("reset_methods", reset_methods, reset_words, ABOUT("ways to reset the card")),
    U32("sriov_total", sriov_total, ABOUT("virtual functions the card supports")),
    U32("sriov_enabled", sriov_enabled, ABOUT("virtual functions that exist")),
    ARRAY("mdev_types", mdev_types, mdev_type_len, mdev_type_item,
          ABOUT("types of mediated devices and vGPUs")),
    ENUM("backend", backend, backend_words, ABOUT("by which kind of driver a VM gets it")),
    BOOL("boot_display", is_boot_display, ABOUT("whether it shows the console of the host")),
    U32("link_speed_mts", link_speed_mts, ABOUT("PCIe link speed in MT/s")),
    U32("link_width", link_width, ABOUT("PCIe lanes")),
    U32("link_width_max", link_width_max, ABOUT("PCIe lanes that card and slot support"), SPARSE),
    U64("errors_fatal", errors_fatal, ABOUT("fatal PCIe errors since the boot"), SPARSE),
    U64("errors_nonfatal", errors_nonfatal, ABOUT("uncorrected PCIe errors since boot"), SPARSE),
    U64("errors_corrected", errors_corrected,
        ABOUT("corrected PCIe errors since the boot, rounded down to a power of two"), SPARSE),
    ENUM("verdict", verdict, verdict_words, ABOUT("whether it can be assigned to a VM")),
    TEXT("verdict_detail", verdict_detail, ABOUT("reason for the verdict")),
    ENUM("health", health, health_words, ABOUT("whether Berth hands it out")),
    STRUCT("health_cause", health_cause, cause_shape, ABOUT("why it is in quarantine")),
};
static const struct gpu gpu_fallback = {.iommu_group = -1, .numa_node = -1};
static const struct shape gpu_shape = {.fields = gpu_fields,
                                       .len = ARRAY_LEN(gpu_fields),
                                       .size = sizeof(struct gpu),
                                       .fallback = &gpu_fallback};
ITEM(gpu_item, gpu_shape);
#undef OWNER

#define OWNER struct gpu_partition
static const struct field partition_fields[] = {
    SLOT("gpu", slot, ABOUT("card and partition")),
    TEXT("type", type, ABOUT("type of the partition")),
    TEXT("driver", driver, ABOUT("kernel driver bound to it")),
    ENUM("backend", backend, backend_words, ABOUT("by which kind of driver a VM gets it")),
    INTEGER("iommu_group", iommu_group, -1, INT32_MAX, ABOUT("IOMMU group; -1: none")),
    U64("mmio_size", mmio_size, ABOUT("size of its memory regions in bytes")),
    ENUM("verdict", verdict, verdict_words, ABOUT("whether it can be assigned to a VM")),
    TEXT("verdict_detail", verdict_detail, ABOUT("reason for the verdict")),
    ENUM("health", health, health_words, ABOUT("whether Berth hands it out")),
    STRUCT("health_cause", health_cause, cause_shape, ABOUT("why it is in quarantine")),
};
static const struct gpu_partition partition_fallback = {.iommu_group = -1};
static const struct shape partition_shape = {.fields = partition_fields,
                                             .len = ARRAY_LEN(partition_fields),
                                             .size = sizeof(struct gpu_partition),
                                             .fallback = &partition_fallback};
ITEM(partition_item, partition_shape);
#undef OWNER

#define OWNER struct node_check
static const struct field check_fields[] = {
    TEXT("name", name, ABOUT("what is checked")),
    TEXT("subject", subject, ABOUT("host it is about; empty: this one")),
    BOOL("ok", is_ok, ABOUT("whether the check passed")),
    BOOL("advice", is_advice, ABOUT("whether a failure is only a recommendation")),
    TEXT("detail", detail, ABOUT("what was found and, if the check failed, what to do")),
    U32("vms", vm_len, ABOUT("number of VMs it concerns")),
};
SHAPE(check_shape, check_fields);
ITEM(check_item, check_shape);
#undef OWNER

#define OWNER struct vm_sighting
static const struct field sighting_fields[] = {
    TEXT("vm", vm, ABOUT("the VM")),
    U64("epoch", epoch, ABOUT("epoch in which it was started")),
    TEXT("node", node, ABOUT("host that started it")),
};
SHAPE(sighting_shape, sighting_fields);
ITEM(sighting_item, sighting_shape);
#undef OWNER

#define OWNER struct numa_node
static const struct field numa_node_fields[] = {
    INTEGER("id", id, 0, INT32_MAX, ABOUT("number of the NUMA node")),
    U32("cpus", cpus, ABOUT("its CPUs")),
    TEXT("cpu_list", cpu_list, ABOUT("their numbers, as in \"0-15,32-47\"")),
    U64("memory_mib", memory_mib, ABOUT("its memory in MiB without huge pages")),
};
SHAPE(numa_node_shape, numa_node_fields);
ITEM(numa_node_item, numa_node_shape);
#undef OWNER

#define OWNER struct huge_pages
static const struct field huge_pages_fields[] = {
    INTEGER("numa_node", numa_node, -1, INT32_MAX, ABOUT("NUMA node; -1: none")),
    U32("size_kib", size_kib, ABOUT("size of a page in KiB")),
    U32("total", total, ABOUT("pages that are set aside")),
    U32("free", free_len, ABOUT("pages that no process has")),
};
SHAPE(huge_pages_shape, huge_pages_fields);
ITEM(huge_pages_item, huge_pages_shape);
#undef OWNER

#define OWNER struct gpu_use
static const struct field use_fields[] = {
    SLOT("gpu", slot, ABOUT("PCI address, and the partition if it is one")),
    TEXT("vm", vm, ABOUT("VM that used it")),
    BOOL("erasing", is_erasing, ABOUT("whether it is being erased"), SPARSE),
};
SHAPE(use_shape, use_fields);
ITEM(use_item, use_shape);
#undef OWNER

#define OWNER struct fabric_set
static const struct field fabric_set_fields[] = {
    TEXT("id", id, ABOUT("name of the set")),
    ARRAY("gpus", gpus, gpu_len, address_item, ABOUT("PCI addresses of its GPUs")),
    BOOL("active", is_active, ABOUT("whether its GPUs can talk to each other now")),
};
SHAPE(fabric_set_shape, fabric_set_fields);
ITEM(fabric_set_item, fabric_set_shape);
#undef OWNER

#define OWNER struct node_inventory
static const struct field inventory_fields[] = {
    U64("incarnation", incarnation, ABOUT("incarnation in which it was written")),
    TEXT("seal_key", seal_key, ABOUT("public key of the host, for the cluster's keys"), SPARSE),
    U32("cpus", cpus, ABOUT("CPUs of the host")),
    U64("memory_mib", memory_mib, ABOUT("memory for VMs in MiB, without huge pages")),
    ARRAY("numa_nodes", numa_nodes, numa_node_len, numa_node_item,
          ABOUT("NUMA nodes that have CPUs")),
    ARRAY("huge_pages", huge_pages, huge_page_len, huge_pages_item,
          ABOUT("huge pages that are set aside, by NUMA node and size")),
    U32("huge_default_kib", huge_default_kib,
        ABOUT("size in KiB of the huge pages that are given if none is named; 0: unknown")),
    U32("address_bits", address_bits,
        ABOUT("width of guest physical addresses that CPU and IOMMU allow; 0: unknown")),
    TEXT("kernel", kernel, ABOUT("kernel release")),
    TEXT("cpu_model", cpu_model, ABOUT("model of the host's CPU; empty: unknown"), SPARSE),
    TEXT("migration_address", migration_address,
         ABOUT("where the host accepts live migrations; empty: it does not"), SPARSE),
    TEXT("screen_address", screen_address,
         ABOUT("where the screens of its VMs are reached; empty: nowhere"), SPARSE),
    LIST("gpus", gpus, gpu_item, gpus_listed_max, ABOUT("GPUs by address")),
    LIST("partitions", partitions, partition_item, gpus_listed_max, ABOUT("partitions of GPUs")),
    BOOL("store_member", has_store, ABOUT("whether a member of etcd runs on the host"), SPARSE),
    LIST("checks", checks, check_item, checks_max, ABOUT("checks of the host")),
    LIST("sightings", sightings, sighting_item, sightings_max,
         ABOUT("VMs that run on the host without being ordered there")),
    LIST("uses", uses, use_item, gpus_listed_max, ABOUT("GPUs not erased after their VM"), SPARSE),
    BOOL("fabric", has_fabric, ABOUT("whether a fabric connects its GPUs"), SPARSE),
    LIST("fabric_sets", fabric_sets, fabric_set_item, fabric_sets_max,
         ABOUT("sets of GPUs that can talk to each other on the fabric"), SPARSE),
    U32("bare_nodes", bare_nodes, ABOUT("NUMA nodes with memory that are not listed, a bit each"),
        SPARSE),
    BOOL("takes_sizes", takes_sizes, ABOUT("whether it knows vGPUs of several sizes"), SPARSE),
    BOOL("has_networks", has_networks, ABOUT("whether it tells its networks"), SPARSE),
    LIST("networks", networks, item_of_networks, networks_max,
         ABOUT("interfaces of the host and networks of libvirt for VMs"), SPARSE),
    LIST("fence_tests", fence_tests, item_of_fence_tests, fence_tests_max,
         ABOUT("what fence agents answered when an administrator had them tested from here"),
         SPARSE),
};
SHAPE(inventory_shape, inventory_fields);
#undef OWNER

#define OWNER struct node_alive
static const struct field alive_fields[] = {
    U64("incarnation", incarnation, ABOUT("grows each time the host starts again without its VMs")),
    TEXT("boot_id", boot_id, ABOUT("boot of the kernel")),
    U64("counter", counter, ABOUT("number of the heartbeat")),
    BOOL("watchdog_armed", is_watchdog_armed, ABOUT("whether the hardware watchdog is armed")),
    SPAN("watchdog_ms", watchdog_ms, ABOUT("timeout of the hardware watchdog; 0: not armed")),
    BOOL("left", has_left, ABOUT("whether berthd was stopped on purpose")),
    BOOL("going_down", is_going_down, ABOUT("whether the host is being shut down")),
    ENUM("on_shutdown", on_shutdown, on_shutdown_words,
         ABOUT("what happens to its VMs then: move, stop, or leave")),
};
SHAPE(alive_shape, alive_fields);
#undef OWNER

#define OWNER struct node_fence
static const struct field fence_fields[] = {
    U64("incarnation", incarnation, ABOUT("this incarnation and all before it are off")),
    ENUM("proof", proof, proof_words, ABOUT("how that was proven")),
    STRUCT("cause", cause, cause_shape, ABOUT("what happened that proves it")),
};
SHAPE(fence_shape, fence_fields);
#undef OWNER

static const struct field span_item = {
    .type = FIELD_INTEGER, .size = sizeof(msec_t), .is_signed = true, .max = span_max};

#define OWNER struct node_standing
static const struct field standing_fields[] = {
    U64("incarnation", incarnation, ABOUT("incarnation up to which restarts were counted")),
    ARRAY("began_ago_ms", began_ago_ms, began_len, span_item,
          ABOUT("times since the last restarts, newest first")),
    SPAN("quarantine_ms", quarantine_ms, ABOUT("time for which the host gets no VMs")),
    U64("spec_revision", spec_revision,
        ABOUT("revision of the host's settings; a newer one ends the quarantine")),
    U64("fence_incarnation", fence_incarnation, ABOUT("incarnation that could not be turned off")),
    STRUCT("fence_cause", fence_cause, cause_shape, ABOUT("why it could not be turned off")),
};
SHAPE(standing_shape, standing_fields);
#undef OWNER

/* ---- pools ---- */

#define OWNER struct pool_member
static const struct field member_fields[] = {
    TEXT("node", node, ABOUT("host of the GPU")),
    SLOT("gpu", slot, ABOUT("PCI address, and the partition if it is one")),
    TEXT("identity", identity, ABOUT("model of the card when it joined")),
};
SHAPE(member_shape, member_fields);
ITEM(member_item, member_shape);
#undef OWNER

#define OWNER struct pool
static const struct field pool_fields[] = {
    ENUM("type", type, pool_type_words, ABOUT("GPUs (PciExpress) or partitions (GpuPartition)")),
    BOOL("mixed", is_mixed, ABOUT("whether GPUs of different models are allowed")),
    TEXT("partition_type", partition_type, ABOUT("type of the partitions")),
    ENUM("after_use", after_use, after_use_words,
         ABOUT("what becomes of a GPU when its VM has gone: release, erase, or hold"), POLICY),
    BOOL("rom_hidden", is_rom_hidden, ABOUT("whether guests do not see the cards' ROM"), POLICY),
    TEXT("erase", erase, ABOUT("erase: the command, by its name in the hosts' berth.conf"), POLICY),
    LIST("members", members, member_item, pool_members_max, ABOUT("GPUs of the pool")),
};
SHAPE(pool_shape, pool_fields);
#undef OWNER

/* ---- VMs ---- */

#define OWNER struct vm_need
static const struct field need_fields[] = {
    TEXT("pool", pool, ABOUT("GPU pool")),
    INTEGER("count", count, 0, gpus_per_vm_max, ABOUT("number of GPUs")),
};
SHAPE(need_shape, need_fields);
ITEM(need_item, need_shape);
#undef OWNER

#define OWNER struct vm_restart_policy
static const struct field restart_fields[] = {
    U32("restarts_max", restarts_max, ABOUT("restarts on the same host before a failover")),
    SPAN("window_ms", window_ms, ABOUT("uptime after which the counters reset")),
    U32("failovers_max", failovers_max, ABOUT("failovers before the VM counts as failed")),
    U32("host_losses_max", host_losses_max,
        ABOUT("hosts lost under the VM before it counts as failed; 0: no limit")),
};
SHAPE(restart_shape, restart_fields);
#undef OWNER

/* A list of names is one of texts: struct vm_name has nothing else. */
static const struct field name_item = {.type = FIELD_TEXT, .size = sizeof(struct vm_name)};
static_assert(sizeof(struct vm_name) == name_size, "struct vm_name is one text");

#define OWNER struct vm_spec
static const struct field vm_spec_fields[] = {
    HEAP_TEXT("xml", xml, domain_xml_size_max, ABOUT("libvirt domain XML without GPUs")),
    TEXT("uuid", uuid, ABOUT("UUID of the domain")),
    TEXT("title", title, ABOUT("what people call the VM; empty: its name"), POLICY),
    U32("cpus", cpus, ABOUT("virtual CPUs")),
    U64("memory_mib", memory_mib, ABOUT("memory in MiB")),
    U32("huge_page_kib", huge_page_kib,
        ABOUT("size in KiB of the huge pages that its memory is made of; 1: the host's own; 0: "
              "ordinary memory")),
    ARRAY("needs", needs, need_len, need_item, ABOUT("GPUs it needs, by pool")),
    ENUM("desired", desired, vm_desired_words, ABOUT("whether it should run")),
    BOOL("stop_forced", is_stop_forced, ABOUT("turn it off at once when it is stopped")),
    U64("definition", definition, ABOUT("number of changes of XML, CPUs or memory")),
    U64("start_order", start_order, ABOUT("number of start requests")),
    TEXT("move_to", move_to, ABOUT("host it was asked to move to; \"*\": any other; empty: none")),
    U64("move_order", move_order, ABOUT("number of move requests")),
    ENUM("move_by", move_by, migration_words, ABOUT("how that move is done"), SPARSE),
    SPAN("move_limit_ms", move_limit_ms,
         ABOUT("how long that move may take if it is live; 0: as the cluster is set"), SPARSE),
    ENUM("migration", migration, migration_words,
         ABOUT("how it moves while it runs: live-or-restart (default), live, or restart"), POLICY),
    ENUM("elsewhere", elsewhere, vm_elsewhere_words,
         ABOUT("what an administrator said of a VM that left its host past Berth")),
    U64("elsewhere_order", elsewhere_order, ABOUT("number of such statements")),
    ENUM("offline_action", offline_action, offline_action_words,
         ABOUT("what happens to it when its GPUs or host go away"), POLICY),
    SPAN("offline_timeout_ms", offline_timeout_ms, ABOUT("time the guest has to shut down"),
         POLICY),
    U32("priority", priority,
        ABOUT("higher starts first; 3000 high, 2000 medium, 1000 low, 0 no automatic start"),
        POLICY),
    LIST("preferred_owners", preferred_owners, name_item, owners_max,
         ABOUT("hosts it prefers, best first"), POLICY),
    LIST("possible_owners", possible_owners, name_item, owners_max,
         ABOUT("hosts it may run on; empty: all"), POLICY),
    MAP("labels", labels, label_shape, labels_max, ABOUT("labels its host must have"), POLICY),
    LIST("together", together, name_item, affinity_max, ABOUT("VMs it should share a host with"),
         POLICY),
    LIST("apart", apart, name_item, affinity_max, ABOUT("VMs it should not share a host with"),
         POLICY),
    BOOL("affinity_enforced", is_affinity_enforced,
         ABOUT("wait rather than run without the VMs in \"together\""), POLICY),
    BOOL("apart_enforced", is_apart_enforced,
         ABOUT("wait rather than run beside the VMs in \"apart\""), POLICY),
    LIST("start_after", start_after, name_item, affinity_max,
         ABOUT("VMs that must run before it starts"), POLICY),
    BOOL("unmanaged", is_unmanaged, ABOUT("only watch it: do not start, stop, move or restart it"),
         POLICY),
    STRUCT("restart", restart, restart_shape, ABOUT("what happens when it fails"), POLICY),
    ENUM("guest_watch", guest_watch, guest_watch_words,
         ABOUT("restart: turn it off and restart it when its guest stands still; off: only tell"),
         POLICY),
    SPAN("guest_silence_ms", guest_silence_ms,
         ABOUT("its guest stands still when its agent has been silent for so long"), POLICY),
    ENUM("topology", topology, topology_words,
         ABOUT("mirror: build the guest like the NUMA nodes on which its GPUs are; none: as its "
               "domain XML says"),
         POLICY),
    U64("mmio_mib", mmio_mib, ABOUT("64-bit MMIO aperture in MiB; 0: computed"), POLICY),
    U64("own_mmio_mib", own_mmio_mib,
        ABOUT("64-bit aperture in MiB that the domain XML itself asks for; 0: none")),
    U64("memory_max_mib", memory_max_mib,
        ABOUT("memory in MiB up to which the domain XML allows hot-plugging; 0: none")),
    TEXT("unmovable", unmovable, ABOUT("element of the XML that does not move live"), SPARSE),
    ARRAY("networks", networks, network_len, item_of_networks,
          ABOUT("networks into which the XML plugs the VM"), SPARSE),
    ARRAY("memory_binds", binds, bind_len, item_of_binds,
          ABOUT("memory that the XML binds to NUMA nodes of the host"), SPARSE),
};
SHAPE(vm_spec_shape, vm_spec_fields);
#undef OWNER

#define OWNER struct gpu_hold
static const struct field hold_fields[] = {
    TEXT("pool", pool, ABOUT("GPU pool")),
    SLOT("gpu", slot, ABOUT("PCI address, and the partition if it is one"))};
SHAPE(hold_shape, hold_fields);
ITEM(hold_item, hold_shape);
#undef OWNER

#define OWNER struct reason
static const struct field reason_fields[] = {
    TEXT("node", node, ABOUT("host; empty: none in particular")),
    STRUCT("cause", cause, cause_shape, ABOUT("why it does not run the VM")),
};
SHAPE(reason_shape, reason_fields);
ITEM(reason_item, reason_shape);
#undef OWNER

#define OWNER struct vm_placement
static const struct field placement_fields[] = {
    U64("epoch", epoch, ABOUT("grows with each new place")),
    ENUM("phase", phase, placement_phase_words, ABOUT("none, start, or stop")),
    TEXT("node", node, ABOUT("host")),
    LIST("gpus", gpus, hold_item, gpus_per_vm_max, ABOUT("GPUs it holds there")),
    TEXT("next_node", next_node, ABOUT("host it moves to")),
    LIST("next_gpus", next_gpus, hold_item, gpus_per_vm_max, ABOUT("GPUs reserved there")),
    ENUM("handover", handover, handover_words, ABOUT("whether it moves without a stop"), SPARSE),
    U64("epoch_last", epoch_last, ABOUT("last epoch given to a copy elsewhere; 0: none"), SPARSE),
    BOOL("live_only", is_live_only, ABOUT("it stays if it cannot move live"), SPARSE),
    SPAN("handover_ms", handover_ms, ABOUT("how long the live move may take"), SPARSE),
    BOOL("forced", is_forced, ABOUT("turn it off at once")),
    BOOL("failed", is_failed, ABOUT("restart policy used up")),
    U32("restarts", restarts, ABOUT("restarts on this host")),
    U32("failovers", failovers, ABOUT("failovers so far")),
    U32("host_losses", host_losses, ABOUT("hosts lost under it")),
    TEXT("lost_node", lost_node, ABOUT("last host lost under it")),
    LIST("tried", tried, name_item, nodes_max, ABOUT("hosts it left because it failed there")),
    U32("refusals", refusals, ABOUT("times the guest refused to shut down")),
    U32("cpus", cpus, ABOUT("CPUs it takes there")),
    U64("memory_mib", memory_mib, ABOUT("memory it takes there in MiB")),
    U32("huge_page_kib", huge_page_kib, ABOUT("size of its huge pages in KiB, as the VM has it")),
    U64("definition", definition, ABOUT("definition it was placed with")),
    U64("start_order", start_order, ABOUT("start request that was last acted on")),
    U64("move_order", move_order, ABOUT("move request that was last acted on")),
    U64("elsewhere_order", elsewhere_order, ABOUT("such a statement that was last acted on")),
    STRUCT("cause", cause, cause_shape, ABOUT("why it is as it is")),
    LIST("reasons", reasons, reason_item, reasons_max + 1, ABOUT("why it runs nowhere, by host")),
};
SHAPE(placement_shape, placement_fields);
#undef OWNER

#define OWNER struct vm_status
static const struct field status_fields[] = {
    U64("epoch", epoch, ABOUT("epoch this is about")),
    U64("incarnation", incarnation, ABOUT("incarnation of the host in which it began")),
    TEXT("node", node, ABOUT("host")),
    ENUM("state", state, vm_state_words, ABOUT("what its host reports")),
    BOOL("has_started", has_started, ABOUT("whether the guest ran")),
    BOOL("stop_refused", is_stop_refused, ABOUT("whether the guest refused to shut down")),
    U64("handed_epoch", handed_epoch, ABOUT("epoch of the copy that took over"), SPARSE),
    U64("move_total_mib", moving.total_mib, ABOUT("live move: memory of the guest"), SPARSE),
    U64("move_left_mib", moving.left_mib, ABOUT("live move: memory left to copy"), SPARSE),
    U64("move_mib_s", moving.rate_mib_s, ABOUT("live move: MiB copied each second"), SPARSE),
    SPAN("move_pause_ms", moving.pause_ms, ABOUT("live move: pause that is expected"), SPARSE),
    SPAN("pause_ms", pause_ms, ABOUT("how long its last move held the guest up"), SPARSE),
    BOOL("guest_stopped", is_guest_stopped,
         ABOUT("whether its guest stands still, though its QEMU runs"), SPARSE),
    BOOL("guest_answered", has_guest_answered, ABOUT("whether its guest agent ever answered"),
         SPARSE),
    BOOL("cannot_be_ended", is_unkillable, ABOUT("whether its QEMU survives SIGKILL")),
    STRUCT("cause", cause, cause_shape, ABOUT("why it is so")),
    SLOT_MAYBE("culprit", culprit, has_culprit, ABOUT("GPU that made it fail")),
};
SHAPE(status_shape, status_fields);
#undef OWNER

#define OWNER struct vm_incoming
static const struct field incoming_fields[] = {
    U64("epoch", epoch, ABOUT("epoch of the copy")),
    U64("incarnation", incarnation, ABOUT("incarnation of the host in which it began")),
    TEXT("node", node, ABOUT("host")),
    ENUM("state", state, incoming_words, ABOUT("what its host reports")),
};
SHAPE(incoming_shape, incoming_fields);
#undef OWNER

#define OWNER struct claim
static const struct field claim_fields[] = {TEXT("vm", vm, ABOUT("VM that holds the GPU")),
                                            U64("epoch", epoch, ABOUT("its epoch"))};
SHAPE(claim_shape, claim_fields);
#undef OWNER

#define OWNER struct event_record
static const struct field event_fields[] = {
    ENUM("severity", severity, severity_words, ABOUT("how serious it is")),
    TEXT("actor", actor, ABOUT("who did it")),
    TEXT("code", code, ABOUT("stable code of the event")),
    TEXT("subject", subject, ABOUT("what it is about")),
    U32("way", way, ABOUT("which of the sentences with that code"), SPARSE),
    FACTS(facts),
    STRUCT("cause", cause, cause_shape, ABOUT("why it happened")),
    TEXT("request_key", request_key, ABOUT("idempotency key of the request")),
    U64("request_hash", request_hash, ABOUT("hash of the request")),
    U32("answer_status", answer_status, ABOUT("HTTP status of the answer")),
    HEAP_TEXT("answer", answer, event_answer_max, ABOUT("answer to the request")),
    TEXT("address", address, ABOUT("address the actor came from")),
};
SHAPE(event_shape, event_fields);
#undef OWNER

const struct shape *shape_of(enum record_kind kind)
{
    static const struct shape *const shapes[record_kind_count] = {
        [RECORD_CLUSTER] = &cluster_shape,
        [RECORD_LEADER] = &leader_shape,
        [RECORD_NODE_SPEC] = &node_spec_shape,
        [RECORD_NODE_INVENTORY] = &inventory_shape,
        [RECORD_NODE_ALIVE] = &alive_shape,
        [RECORD_NODE_FENCE] = &fence_shape,
        [RECORD_NODE_STANDING] = &standing_shape,
        [RECORD_NODE_KEY] = &shape_of_node_key,
        [RECORD_DISARM] = &disarm_shape,
        [RECORD_POOL] = &pool_shape,
        [RECORD_VM_SPEC] = &vm_spec_shape,
        [RECORD_VM_PLACEMENT] = &placement_shape,
        [RECORD_VM_STATUS] = &status_shape,
        [RECORD_VM_INCOMING] = &incoming_shape,
        [RECORD_CLAIM] = &claim_shape,
        [RECORD_EVENT] = &event_shape,
        [RECORD_ACCESS] = &access_shape,
        [RECORD_FORMAT] = &format_shape,
        [RECORD_PULSE] = &pulse_shape,
        [RECORD_BEAT_SUMMARY] = &summary_shape,
        [RECORD_FENCE_TEST] = &shape_of_fence_test,
        [RECORD_NODE_USE] = &node_use_shape,
    };
    return shapes[kind];
}
