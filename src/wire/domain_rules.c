/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Source: libvirt's formatdomain. An entry stands here because it can neither name a file, device,
 * socket, program or address of the host, nor weaken what keeps QEMU apart from it. What can is
 * listed only together with a rule for its value. Missing on purpose: <bootloader>, <seclabel>,
 * <resource>, <idmap>, <launchSecurity>, real-time scheduling, <blkiotune>, every <hostdev>,
 * <filesystem>, <shmem>, <smartcard>, <lease>, <pstore>, <rom file=>, and every namespace but in
 * <metadata>.
 */
#include "wire/domain_rules.h"

#include <string.h>

#define WHOLE(place)                                                                               \
    {                                                                                              \
        place, "", true                                                                            \
    }
#define SOME(place, attributes)                                                                    \
    {                                                                                              \
        place, attributes, false                                                                   \
    }
/* What libvirt writes into each device, and where the guest sees it. */
#define DEVICE(place)                                                                              \
    WHOLE(place "/alias"), WHOLE(place "/address"), WHOLE(place "/acpi"), WHOLE(place "/boot"),    \
        SOME(place "/rom", "bar enabled")
#define CONSOLE(place)                                                                             \
    SOME(place, "type tty"), SOME(place "/source", "mode path channel"), WHOLE(place "/target"),   \
        WHOLE(place "/clipboard"), WHOLE(place "/mouse"), DEVICE(place)

static const struct domain_rule rules[] = {
    SOME("", "type id"),
    SOME("name", ""),
    SOME("uuid", ""),
    SOME("genid", ""),
    SOME("title", ""),
    SOME("description", ""),
    WHOLE("metadata"),
    WHOLE("memory"),
    WHOLE("currentMemory"),
    WHOLE("maxMemory"),
    WHOLE("memoryBacking"),
    WHOLE("memtune"),
    WHOLE("numatune"),
    WHOLE("vcpu"),
    WHOLE("vcpus"),
    WHOLE("iothreads"),
    WHOLE("iothreadids"),
    WHOLE("defaultiothread"),
    SOME("cputune", ""),
    WHOLE("cputune/shares"),
    WHOLE("cputune/period"),
    WHOLE("cputune/quota"),
    WHOLE("cputune/global_period"),
    WHOLE("cputune/global_quota"),
    WHOLE("cputune/emulator_period"),
    WHOLE("cputune/emulator_quota"),
    WHOLE("cputune/iothread_period"),
    WHOLE("cputune/iothread_quota"),
    WHOLE("cputune/vcpupin"),
    WHOLE("cputune/emulatorpin"),
    WHOLE("cputune/iothreadpin"),
    WHOLE("cpu"),
    WHOLE("features"),
    WHOLE("clock"),
    WHOLE("pm"),
    WHOLE("on_poweroff"),
    WHOLE("on_reboot"),
    WHOLE("on_crash"),
    WHOLE("on_lockfailure"),

    SOME("os", "firmware"),
    WHOLE("os/type"),
    WHOLE("os/firmware"),
    SOME("os/loader", "readonly secure stateless type format"),
    SOME("os/nvram", "template templateFormat format type"),
    SOME("os/nvram/source", "file"),
    SOME("os/kernel", ""),
    SOME("os/initrd", ""),
    SOME("os/dtb", ""),
    SOME("os/cmdline", ""),
    WHOLE("os/boot"),
    WHOLE("os/bootmenu"),
    WHOLE("os/smbios"),
    WHOLE("os/bios"),
    SOME("sysinfo", "type"),
    WHOLE("sysinfo/bios"),
    WHOLE("sysinfo/system"),
    WHOLE("sysinfo/baseBoard"),
    WHOLE("sysinfo/chassis"),
    WHOLE("sysinfo/oemStrings"),
    SOME("sysinfo/entry", "name"),

    SOME("devices", ""),
    SOME("devices/emulator", ""),
    SOME("devices/disk", "type device model snapshot"),
    SOME("devices/disk/driver", "name type cache error_policy rerror_policy io ioeventfd event_idx "
                                "copy_on_read discard detect_zeroes iothread queues queue_size "
                                "iommu ats packed page_per_vq discard_no_unref"),
    WHOLE("devices/disk/driver/metadata_cache"),
    WHOLE("devices/disk/driver/iothreads"),
    SOME("devices/disk/source", "file dev protocol name pool volume mode startupPolicy index "
                                "tls"),
    SOME("devices/disk/source/host", "name port transport"),
    SOME("devices/disk/source/auth", "username"),
    WHOLE("devices/disk/source/auth/secret"),
    WHOLE("devices/disk/source/snapshot"),
    WHOLE("devices/disk/source/initiator"),
    WHOLE("devices/disk/source/slices"),
    SOME("devices/disk/source/encryption", "format engine"),
    WHOLE("devices/disk/source/encryption/secret"),
    SOME("devices/disk/auth", "username"),
    WHOLE("devices/disk/auth/secret"),
    SOME("devices/disk/encryption", "format engine"),
    WHOLE("devices/disk/encryption/secret"),
    SOME("devices/disk/backingStore", "type index"),
    SOME("devices/disk/format", "type"),
    WHOLE("devices/disk/format/metadata_cache"),
    WHOLE("devices/disk/target"),
    WHOLE("devices/disk/iotune"),
    WHOLE("devices/disk/throttlefilters"),
    WHOLE("devices/disk/readonly"),
    WHOLE("devices/disk/shareable"),
    WHOLE("devices/disk/transient"),
    WHOLE("devices/disk/serial"),
    WHOLE("devices/disk/wwn"),
    WHOLE("devices/disk/vendor"),
    WHOLE("devices/disk/product"),
    WHOLE("devices/disk/geometry"),
    WHOLE("devices/disk/blockio"),
    DEVICE("devices/disk"),

    WHOLE("devices/controller"),
    SOME("devices/interface", "type managed trustGuestRxFilters"),
    SOME("devices/interface/source", "network bridge dev mode portgroup portid"),
    SOME("devices/interface/mac", "address type check"),
    SOME("devices/interface/model", "type"),
    SOME("devices/interface/target", "dev managed"),
    SOME("devices/interface/driver", "name txmode ioeventfd event_idx queues rx_queue_size "
                                     "tx_queue_size iommu ats packed page_per_vq rss "
                                     "rss_hash_report"),
    WHOLE("devices/interface/driver/host"),
    WHOLE("devices/interface/driver/guest"),
    WHOLE("devices/interface/link"),
    WHOLE("devices/interface/mtu"),
    WHOLE("devices/interface/vlan"),
    WHOLE("devices/interface/bandwidth"),
    WHOLE("devices/interface/virtualport"),
    WHOLE("devices/interface/filterref"),
    WHOLE("devices/interface/coalesce"),
    WHOLE("devices/interface/tune"),
    WHOLE("devices/interface/port"),
    WHOLE("devices/interface/guest"),
    DEVICE("devices/interface"),

    CONSOLE("devices/serial"),
    CONSOLE("devices/parallel"),
    CONSOLE("devices/console"),
    CONSOLE("devices/channel"),
    SOME("devices/graphics", "type port autoport tlsPort websocket passwd passwdValidTo connected "
                             "keymap listen sharePolicy defaultMode powerControl wait"),
    SOME("devices/graphics/listen", "type address network"),
    WHOLE("devices/graphics/channel"),
    WHOLE("devices/graphics/image"),
    WHOLE("devices/graphics/jpeg"),
    WHOLE("devices/graphics/zlib"),
    WHOLE("devices/graphics/playback"),
    WHOLE("devices/graphics/streaming"),
    WHOLE("devices/graphics/clipboard"),
    WHOLE("devices/graphics/mouse"),
    WHOLE("devices/graphics/filetransfer"),
    SOME("devices/video", ""),
    SOME("devices/video/model", "type ram vram vram64 vgamem heads primary blob edid"),
    SOME("devices/video/model/acceleration", "accel3d accel2d"),
    WHOLE("devices/video/model/resolution"),
    SOME("devices/video/driver", "name vgaconf iommu ats packed page_per_vq"),
    DEVICE("devices/video"),
    SOME("devices/input", "type bus model"),
    WHOLE("devices/input/driver"),
    DEVICE("devices/input"),
    WHOLE("devices/hub"),
    SOME("devices/sound", "model"),
    WHOLE("devices/sound/codec"),
    SOME("devices/sound/audio", "id"),
    DEVICE("devices/sound"),
    SOME("devices/audio", "id type timerPeriod"),
    WHOLE("devices/memballoon"),
    SOME("devices/rng", "model"),
    SOME("devices/rng/backend", "model"),
    WHOLE("devices/rng/rate"),
    WHOLE("devices/rng/driver"),
    DEVICE("devices/rng"),
    WHOLE("devices/watchdog"),
    WHOLE("devices/panic"),
    SOME("devices/tpm", "model"),
    SOME("devices/tpm/backend", "type version persistent_state"),
    WHOLE("devices/tpm/backend/active_pcr_banks"),
    DEVICE("devices/tpm"),
    WHOLE("devices/vsock"),
    WHOLE("devices/iommu"),
    SOME("devices/memory", "model access discard"),
    SOME("devices/memory/source", ""),
    WHOLE("devices/memory/source/pagesize"),
    WHOLE("devices/memory/source/nodemask"),
    WHOLE("devices/memory/target"),
    DEVICE("devices/memory"),
    SOME("devices/redirdev", "bus type"),
    DEVICE("devices/redirdev"),
    WHOLE("devices/redirfilter"),
};

#define console_types "pty null vc unix spicevmc spiceport qemu-vdagent"
#define CONSOLE_VALUES(place)                                                                      \
    {place, "type", DOMAIN_VALUE_WORDS, console_types}, {place, "tty", DOMAIN_VALUE_CONSOLE, ""},  \
        {place "/source", "path", DOMAIN_VALUE_CONSOLE, ""},                                       \
    {                                                                                              \
        place "/source", "mode", DOMAIN_VALUE_WORDS, "bind"                                        \
    }

static const struct domain_value values[] = {
    {"", "type", DOMAIN_VALUE_WORDS, "kvm qemu test"},
    {"os/loader", "", DOMAIN_VALUE_FIRMWARE, ""},
    {"os/nvram", "", DOMAIN_VALUE_NVRAM, ""},
    {"os/nvram", "template", DOMAIN_VALUE_FIRMWARE, ""},
    {"os/nvram", "type", DOMAIN_VALUE_WORDS, "file"},
    {"os/nvram/source", "file", DOMAIN_VALUE_NVRAM, ""},
    {"os/kernel", "", DOMAIN_VALUE_FILE, ""},
    {"os/initrd", "", DOMAIN_VALUE_FILE, ""},
    {"os/dtb", "", DOMAIN_VALUE_FILE, ""},
    {"sysinfo", "type", DOMAIN_VALUE_WORDS, "smbios fwcfg"},
    {"devices/emulator", "", DOMAIN_VALUE_EMULATOR, ""},
    {"devices/disk", "type", DOMAIN_VALUE_WORDS, "file block network volume"},
    {"devices/disk", "device", DOMAIN_VALUE_WORDS, "disk cdrom floppy"},
    /* Formats whose images name no other file, and qcow2, whose header virt/files.c reads. */
    {"devices/disk/driver", "type", DOMAIN_VALUE_WORDS, "raw qcow2 vdi vhdx vpc"},
    {"devices/disk/driver", "name", DOMAIN_VALUE_WORDS, "qemu"},
    {"devices/disk/format", "type", DOMAIN_VALUE_WORDS, "raw qcow2 vdi vhdx vpc"},
    {"devices/disk/backingStore", "type", DOMAIN_VALUE_WORDS, "file block network volume"},
    {"devices/disk/source", "file", DOMAIN_VALUE_FILE, ""},
    {"devices/disk/source", "dev", DOMAIN_VALUE_FILE, ""},
    {"devices/disk/source", "protocol", DOMAIN_VALUE_WORDS, "rbd iscsi gluster nbd"},
    {"devices/disk/source/host", "transport", DOMAIN_VALUE_WORDS, "tcp rdma"},
    {"devices/interface", "type", DOMAIN_VALUE_WORDS, "network bridge direct user"},
    CONSOLE_VALUES("devices/serial"),
    CONSOLE_VALUES("devices/parallel"),
    CONSOLE_VALUES("devices/console"),
    CONSOLE_VALUES("devices/channel"),
    {"devices/graphics", "type", DOMAIN_VALUE_WORDS, "vnc spice"},
    {"devices/graphics", "listen", DOMAIN_VALUE_LISTEN, ""},
    {"devices/graphics/listen", "type", DOMAIN_VALUE_WORDS, "address network none"},
    {"devices/graphics/listen", "address", DOMAIN_VALUE_LISTEN, ""},
    {"devices/graphics/listen", "network", DOMAIN_VALUE_OPEN, ""},
    {"devices/video/driver", "name", DOMAIN_VALUE_WORDS, "qemu"},
    {"devices/input", "type", DOMAIN_VALUE_WORDS, "mouse tablet keyboard"},
    {"devices/audio", "type", DOMAIN_VALUE_WORDS, "none spice"},
    {"devices/rng/backend", "model", DOMAIN_VALUE_WORDS, "random builtin"},
    {"devices/rng/backend", "", DOMAIN_VALUE_WORDS, "/dev/urandom /dev/random"},
    {"devices/tpm/backend", "type", DOMAIN_VALUE_WORDS, "emulator"},
    {"devices/memory", "model", DOMAIN_VALUE_WORDS, "dimm virtio-mem"},
    {"devices/redirdev", "type", DOMAIN_VALUE_WORDS, "spicevmc"},
};

const struct domain_rule *domain_rule_find(const char *place)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strcmp(rules[i].place, place) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

const struct domain_value *domain_value_find(const char *place, const char *attribute)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (strcmp(values[i].place, place) == 0 && strcmp(values[i].attribute, attribute) == 0) {
            return &values[i];
        }
    }
    return NULL;
}
