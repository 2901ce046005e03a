// SPDX-License-Identifier: MIT
// Backtraces by frame pointers, with names. Used when the kernel is already in trouble: reads only addresses that are certainly mapped.
#pragma once

#include "base/format.h"

namespace hati {

// Writes one line for each caller, from `instruction` (0: leave it out) and the frame `frame_pointer` on.
void print_backtrace(TextSink& sink, u64 instruction, u64 frame_pointer);
// "name+0x12" or the bare address.
void print_address(TextSink& sink, u64 address);

// Straight to the serial port, whoever owns it.
class PanicSink final : public TextSink {
 public:
  void write(std::string_view text) override;
};

}  // namespace hati
