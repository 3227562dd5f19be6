/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Safety rules that a test build can switch off one at a time, to prove that the simulator notices
 * each. In production MUTANT(...) is the constant false. docs/simulator.md says what each breaks.
 */
#pragma once

#define MUTANT_LIST(X)                                                                             \
    X(NO_TERM_GUARD, "writes do not demand that we still lead")                                    \
    X(NO_PLACEMENT_GUARD, "a placement is changed whatever it has become meanwhile")               \
    X(NO_STATUS_GUARD, "a placement is changed although its node may have begun it")               \
    X(NO_CLAIM_GUARD, "a GPU is claimed without looking whether it is free")                       \
    X(ROOM_TWICE, "memory and CPUs are promised to one VM while another one still has them")       \
    X(ROOM_NOT_KEPT, "small VMs take what an important one waits for as soon as it is free")       \
    X(TRIED_FORGOTTEN, "failover comes back to a host before it has tried the others")             \
    X(COLD_IS_WARM, "after all hosts were down the first one back takes whatever fits")            \
    X(GPUS_UNREADY, "a host takes VMs before its GPUs are dismounted after a boot")                \
    X(FAILED_AWAITED, "a host takes no VMs while one of its GPUs cannot be bound")                 \
    X(STUCK_AWAITED, "a host takes no VMs while one of its GPUs hangs in the kernel")              \
    X(STUCK_TRIED, "a GPU that hangs in the kernel is tried again and again")                      \
    X(NO_FENCE_GUARD, "heartbeats do not demand that we were not declared off")                    \
    X(NO_HEARTBEAT_GUARD, "a node is declared off although it was heard since")                    \
    X(START_UNTOLD, "a VM is started before its status says that it may run")                      \
    X(START_UNGUARDED, "a VM is begun whatever its placement has become")                          \
    X(TAKEOVER_EARLY, "a silent node counts as off before its watchdog is due")                    \
    X(TAKEOVER_UNARMED, "silence proves a node off that has no watchdog armed")                    \
    X(ON_BELIEF, "a VM restarts as soon as its node is silent")                                    \
    X(ARMED_FOR_SHOW, "heartbeats say armed although nothing ticks")                               \
    X(SILENCE_FROM_ANSWER, "silence is counted from the answer, not from the sending")             \
    X(NO_SELF_STOP, "a node that is not heard leaves its VMs running")                             \
    X(PET_UNHEARD, "the watchdog is petted without an acknowledged heartbeat")                     \
    X(PET_LATE, "the watchdog is petted however long ago the heartbeat was sent")                  \
    X(DISARM_SILENTLY, "the watchdog is let go before the others know")                            \
    X(ANEW_UNCLEARED, "a new incarnation begins with VMs of the old one")                          \
    X(NAME_KEPT, "a node whose heartbeat another one wrote runs on")                               \
    X(WORDS_INHERITED, "a start is done again while an earlier berthd's word may end it")          \
    X(EPOCH_TWICE, "an epoch that was begun before is started again")                              \
    X(SAME_EPOCH, "a new place keeps the epoch of the old one")                                    \
    X(STALE_RUNS_ON, "what is not ordered here runs on")                                           \
    X(AWAY_IS_GONE, "a VM that somebody migrated or saved counts as gone")                         \
    X(AWAY_UNANSWERED, "a VM whose migration is not answered yet counts as away")                  \
    X(SIGHTING_UNHEEDED, "a VM starts although another node sees it run")                          \
    X(ADOPTED_EARLY, "a VM is adopted while the host that it leaves still has it")                 \
    X(VISITOR_ENDED, "a VM that somebody migrated here is ended")                                  \
    X(UNKNOWN_IS_FAILED, "a start without answer counts as failed")                                \
    X(UNPREPARED_IS_GONE, "a start counts as failed while an earlier berthd's is under way")       \
    X(STOPPED_TOO_SOON, "a VM is reported stopped while it stops")                                 \
    X(MOVE_TOO_SOON, "a moved VM starts before it has stopped")                                    \
    X(STORE_BELIEVED, "a store that does not know this host is obeyed")                            \
    X(CLUSTER_UNCOMPARED, "the store of another cluster is obeyed")                                \
    X(STRANGERS_UNHEEDED, "a host joins although VMs that another one started run on it")          \
    X(VISITORS_UNTOLD, "no one is told of what was migrated to a host before it joined")           \
    X(UNKILLABLE_UNTOLD, "nobody is told of a QEMU that SIGKILL does not end")                     \
    X(ABSENCE_IGNORED, "that our heartbeat is in no store counts for nothing")                     \
    X(ABSENCE_SEEN_LATE, "whether our heartbeat is in no store is asked of a late picture")        \
    X(REMOVED_BLINDLY, "a node is removed although VMs have their place there")                    \
    X(DISARM_UNHEEDED, "a disarmed cluster fences, restarts and stops as ever")                    \
    X(NO_DISARM_GUARD, "a node is declared off although the cluster was disarmed since")           \
    X(SILENCE_WHILE_DISARMED, "silence from while the cluster was disarmed counts")                \
    X(UNMANAGED_IGNORED, "a VM that is not managed is stopped, moved and restarted")               \
    X(ORDER_IGNORED, "a VM starts although one that it starts after does not run yet")             \
    X(ONE_LEVEL, "a fence agent that fails is tried again instead of the next one")                \
    X(SILENCE_INHERITED, "a berthd that follows a stalled one ends the VMs of that one")           \
    X(GROUP_SPLIT, "VMs that must be together are moved and placed one by one")                    \
    X(FAILBACK_SPLIT, "each VM of a group takes the others to the owner that it prefers")          \
    X(RULE_UNREPAIRED, "what runs against an enforced rule stays where it is")                     \
    X(POWER_ON_HOPE, "a fence agent that failed proves a node off")                                \
    X(NO_RESERVATION, "a drain stops VMs that have no other place")                                \
    X(CARD_UNCHECKED, "a card is handed out whichever one it is")                                  \
    X(FATAL_UNHEEDED, "a card with a fatal error is handed out as ever")                           \
    X(SPLIT_HELD, "a card is divided again while VMs hold parts of it")                            \
    X(NOT_ERASED, "a GPU counts as clean as soon as its VM has gone")                              \
    X(USE_OF_BEFORE, "a VM starts on a GPU that the store takes for being erased")                 \
    X(FABRIC_UNASKED, "a VM starts although its GPUs cannot talk yet")                             \
    X(FABRIC_KEPT, "GPUs can talk to those of the VM that had them before")                        \
    X(FABRIC_CUT, "GPUs under a VM that runs are cut from each other")                             \
    X(VGPU_KEPT, "a vGPU goes to the next VM as the last one left it")                             \
    X(VGPU_ROOM_IS_BLAMED, "a vGPU that finds no room between others is quarantined")              \
    X(VGPU_FIRST_SIZE, "every vGPU of a card is made of the first size of its division")           \
    X(DOWN_WITH_VMS, "a host that goes down in order leaves although VMs are left on it")          \
    X(DOWN_UNHEEDED, "nobody moves the VMs of a host that is going down")                          \
    X(POWER_AGAIN, "an order to reboot is obeyed again after the reboot")                          \
    X(LEFT_NEVER_ASKED, "a host that left with VMs is never asked whether it is off")              \
    X(HANDED_UNPROVEN, "a copy runs before its source is proven gone")                             \
    X(HANDED_UNSAID, "a copy runs although its source may have run on after it")                   \
    X(COPY_FORGOTTEN, "the room of a copy is given away while the copy exists")                    \
    X(NO_COPY_GUARD, "a hand-over is changed although the copy may have begun")                    \
    X(COPY_UNGUARDED, "a copy is let in whatever the order has become")                            \
    X(WITHDRAWAL_UNHEEDED, "a VM moves although the order to move it was withdrawn")               \
    X(MOVE_BEGUN_AGAIN, "a move that is ordered once more begins again")                           \
    X(LIVE_ONLY_STOPPED, "a VM that may move only live is stopped for a move")                     \
    X(STRANDED_LEFT, "what a migration left paused stays so")                                      \
    X(LEADS_UNWATCHED, "a host that watches no heartbeats coordinates")                            \
    X(UNWATCHED_COUNTS, "a host counts silence from before it watched")                            \
    X(CANDIDATES_ONLY, "no host steps in when all candidates are lost")                            \
    X(PULSE_UNGUARDED, "a late pulse, with its summary, overtakes the next one")                   \
    X(SUMMARY_ONCE, "what the coordinator tells of heartbeats is not written again")               \
    X(GUEST_UNHEEDED, "a guest that stands still is neither told nor restarted")                   \
    X(GUEST_GAP_COUNTS, "a guest counts as silent for time in which no one asked it")              \
    X(GUEST_UNSURE_IS_SILENT, "a guest counts as silent while no one can say")                     \
    X(GUEST_ANSWER_FORGOTTEN, "berthd forgets with its end that an agent ever answered")           \
    X(GUEST_ENDED_UNASKED, "a VM is turned off for its guest although no one wants that")          \
    X(CLAIM_LEAKS, "claims of a VM that runs nowhere are kept")

#ifdef BERTH_MUTANT
#define MUTANT_ID_(id, text) MUTANT_##id,
enum mutant { MUTANT_NONE, MUTANT_LIST(MUTANT_ID_) mutant_count };
#undef MUTANT_ID_
extern enum mutant berth_mutant;
#define MUTANT(id) (berth_mutant == MUTANT_##id)
#else
#define MUTANT(id) false
#endif
