// SPDX-License-Identifier: MIT
// The steps that every kind of panic shares, in this order.
#pragma once

#include "base/format.h"

namespace hati {

struct CommandLine;

void panic_begin();                       // stops the other processors; a second panic on this one ends at once
void panic_print_place(TextSink& sink);   // processor, thread, time
[[noreturn]] void panic_end();            // last log lines, exit port, what `panic=` says
void panic_configure(const CommandLine& line);

}  // namespace hati
