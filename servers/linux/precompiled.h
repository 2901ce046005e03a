// SPDX-License-Identifier: MIT
// What most of this server uses, parsed once.
#pragma once

#include "runtime/precompiled.h"
#include "servers/linux/core/syscall.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/core/user.h"
#include "servers/linux/file/file.h"
#include "servers/linux/process/process.h"
