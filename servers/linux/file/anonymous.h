// SPDX-License-Identifier: MIT
// Inodes without a name: of pipes and sockets (one each, with a number shown in /proc/PID/fd) and the one that all event descriptors share.
#pragma once

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

enum class PseudoKind { kPipe, kSocket, kAnonymous };

Ref<Inode> make_pseudo_inode(PseudoKind kind, u32 mode);
// The inode of eventfd, epoll and the like.
Ref<Inode> anonymous_inode();

}  // namespace hati::linux
