// SPDX-License-Identifier: MIT
#include "kernel/ipc/message.h"

#include "kernel/memory/object_cache.h"
#include "kernel/thread/process.h"

namespace hati {

namespace {
constinit ObjectCache<Message> message_cache;
}

void MessageDeleter::operator()(Message* message) const { message_cache.destroy(message); }

Result<MessagePointer> Message::make_empty(Process& sender, u64 bytes) {
  Charge charge = TRY(Charge::make(sender.quota(), sizeof(Message) + bytes, 0));
  MessagePointer message{TRY(message_cache.construct())};
  message->charge_ = std::move(charge);
  message->data_ = TRY(KernelBuffer::allocate(bytes));
  message->byte_count_ = static_cast<u32>(bytes);
  return message;
}

Result<MessagePointer> Message::make(Process& sender, u64 bytes_address, u64 bytes, u64 handles_address, u64 handles,
                                     const Object* forbidden_a, const Object* forbidden_b) {
  if (bytes > kMessageBytesMax || handles > kMessageHandlesMax) return fail(Error::kTooBig);
  MessagePointer message = TRY(make_empty(sender, bytes));
  if (bytes != 0) TRY(sender.copy_in(bytes_address, message->data_.data(), bytes));
  if (handles != 0) {
    std::array<Handle, kMessageHandlesMax> numbers{};
    TRY(sender.copy_in(handles_address, numbers.data(), handles * sizeof(Handle)));
    TRY(message->take_handles(sender, std::span{numbers}.first(handles), forbidden_a, forbidden_b));
  }
  return message;
}

Result<MessagePointer> Message::make(Process& sender, std::span<const u8> bytes) {
  MessagePointer message = TRY(make_empty(sender, bytes.size()));
  std::copy(bytes.begin(), bytes.end(), message->data_.data());
  return message;
}

// First everything is checked, then everything moves.
Result<> Message::take_handles(Process& sender, std::span<const Handle> numbers, const Object* forbidden_a, const Object* forbidden_b) {
  for (usize i = 0; i < numbers.size(); ++i) {
    const auto entry = TRY(sender.handles().get_any(numbers[i], Rights::kTransfer));
    if (entry.object.get() == forbidden_a || entry.object.get() == forbidden_b) return fail(Error::kInvalidArgument);
    for (usize j = 0; j < i; ++j)
      if (numbers[j] == numbers[i]) return fail(Error::kInvalidArgument);
  }
  for (const Handle number : numbers) handles_[handle_count_++] = TRY(sender.handles().take(number, Rights::kTransfer));
  return {};
}

Result<> Message::deliver(Process& receiver, u64 bytes_address, u64 handles_address) {
  if (byte_count_ != 0) TRY(receiver.copy_out(bytes_address, data_.data(), byte_count_));
  if (handle_count_ == 0) return {};
  std::array<Handle, kMessageHandlesMax> numbers{};
  Result<> result{};
  u32 inserted = 0;
  for (; inserted < handle_count_ && result; ++inserted) {
    const auto number = receiver.handles().insert(HandleValue(handles_[inserted].object(), handles_[inserted].rights()));
    if (number) {
      numbers[inserted] = *number;
    } else {
      result = fail(number.error());
      break;
    }
  }
  if (result) result = receiver.copy_out(handles_address, numbers.data(), handle_count_ * sizeof(Handle));
  if (!result) {
    for (u32 i = 0; i < inserted; ++i) (void)receiver.handles().close(numbers[i]);  // may be closed already by the receiver
    return result;
  }
  for (u32 i = 0; i < handle_count_; ++i) handles_[i].reset();
  handle_count_ = 0;
  return {};
}

}  // namespace hati
