// SPDX-License-Identifier: MIT
#include "kernel/debug/backtrace.h"

#include "kernel/arch/arch.h"
#include "kernel/debug/serial_console.h"
#include "kernel/debug/symbol_table.h"

extern "C" const hati::u8 symbol_table[], symbol_table_end[], text_begin[], text_end[];

namespace hati {
namespace {

constexpr usize kFramesMax = 32;
constexpr u64 kImageBase = 0xffff'ffff'8000'0000;

bool in_text(u64 address) { return address >= reinterpret_cast<u64>(text_begin) && address < reinterpret_cast<u64>(text_end); }

void print_line(TextSink& sink, usize index, u64 address, bool is_return) {
  format_to(sink, "  #{:<2} {:016x}  ", index, address);
  print_address(sink, is_return ? address - 1 : address);  // the call, not what follows it
  sink.write("\n");
}

}  // namespace

SymbolTable kernel_symbols() { return {{symbol_table, static_cast<usize>(symbol_table_end - symbol_table)}, kImageBase}; }

void PanicSink::write(std::string_view text) { serial_write(text); }

void print_address(TextSink& sink, u64 address) {
  if (const auto match = kernel_symbols().find(address))
    format_to(sink, "{}+{:#x}", match->name, match->offset);
  else
    format_to(sink, "{:#x}", address);
}

void print_backtrace(TextSink& sink, u64 instruction, u64 frame_pointer) {
  usize index = 0;
  if (instruction != 0) print_line(sink, index++, instruction, false);
  while (index < kFramesMax && frame_pointer % 8 == 0 && arch::is_mapped(frame_pointer) && arch::is_mapped(frame_pointer + 8)) {
    const auto* frame = reinterpret_cast<const u64*>(frame_pointer);
    if (!in_text(frame[1])) break;
    print_line(sink, index++, frame[1], true);
    if (frame[0] <= frame_pointer) break;  // stacks grow down: callers lie above
    frame_pointer = frame[0];
  }
}

}  // namespace hati
