// SPDX-License-Identifier: MIT
// Process groups and sessions: membership under the processes lock.
#pragma once

#include "servers/linux/process/process.h"

namespace hati::linux {

// Moves a process into a group (or out of all: null). A group without members leaves the table.
void join_group(Process& process, Ref<ProcessGroup> group) HATI_REQUIRES(ProcessTable::lock);
// A group that exists, of the session given; made if `id` is the process's own.
Ref<ProcessGroup> make_group(World& world, Pid id, Ref<Session> session) HATI_REQUIRES(ProcessTable::lock);
// Whether any member is stopped.
bool has_stopped_member(const ProcessGroup& group);

// Groups that became orphaned because `process` left them or ended, and have stopped members: they get SIGHUP and SIGCONT. To be
// collected under the lock and signalled without it.
using OrphanedGroups = std::vector<Ref<ProcessGroup>>;
void collect_orphaned(Process& process, OrphanedGroups& groups) HATI_REQUIRES(ProcessTable::lock);
void signal_orphaned(World& world, const OrphanedGroups& groups);

}  // namespace hati::linux
