// SPDX-License-Identifier: MIT
// A message on its way, charged to its sender: bytes, handles (moved out of the sender's table, owned by the message) and the transaction that a reply names.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>

#include "kernel/ipc/pending.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/quota.h"
#include "kernel/object/handle_table.h"

namespace hati {

class Process;

class Message : public boost::intrusive::list_base_hook<> {
 public:
  // Copies the bytes and takes the handles out of the sender's table (each needs kTransfer). On failure no handle has moved, unless
  // another thread of the sender closed one meanwhile. kTooBig, kBadAddress, kAccess, kBadHandle, kNoRight, kNoMemory,
  // kInvalidArgument (a handle named twice, or naming `forbidden_a` or `forbidden_b`: the channel itself).
  static Result<MessagePointer> make(Process& sender, u64 bytes_address, u64 bytes, u64 handles_address, u64 handles,
                                     const Object* forbidden_a, const Object* forbidden_b);

  // Bytes that are in the kernel already.
  static Result<MessagePointer> make(Process& sender, std::span<const u8> bytes);

  u32 bytes() const { return byte_count_; }
  u32 handles() const { return handle_count_; }
  void copy_bytes(u8* to) const { std::copy_n(data_.data(), byte_count_, to); }
  // Copies the bytes to the receiver and puts the handles into its table and their numbers to `handles_address`. All or nothing.
  Result<> deliver(Process& receiver, u64 bytes_address, u64 handles_address);

  u64 transaction = 0;  // 0: no reply is expected

 private:
  Result<> take_handles(Process& sender, std::span<const Handle> numbers, const Object* forbidden_a, const Object* forbidden_b);

  static Result<MessagePointer> make_empty(Process& sender, u64 bytes);

  KernelBuffer data_;
  Charge charge_;
  u32 byte_count_ = 0, handle_count_ = 0;
  std::array<HandleValue, kMessageHandlesMax> handles_;
};

using MessageQueue = boost::intrusive::list<Message, boost::intrusive::constant_time_size<true>>;

}  // namespace hati
