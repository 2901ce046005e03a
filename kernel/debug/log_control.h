// SPDX-License-Identifier: MIT
// Set-up of the log and what a panic needs of it; see log.h for everybody else.
#pragma once

#include <span>

#include "kernel/boot/command_line.h"
#include "kernel/debug/log.h"

namespace hati {

void log_configure(const CommandLine& line);
void log_use_storage(std::span<char> storage);  // larger than the one built in; stays valid
// The last `lines` lines to the console, without waiting for the lock for ever.
void log_dump_tail(usize lines);

}  // namespace hati
