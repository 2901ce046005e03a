// SPDX-License-Identifier: MIT
// Handlers of the system calls on files, descriptors, mounts and terminals (core/calls_file.def).
#pragma once

#include "servers/linux/core/syscall.h"

namespace hati::linux {}
