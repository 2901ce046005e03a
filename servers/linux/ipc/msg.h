// SPDX-License-Identifier: MIT
// System V message queues (msgop(2)). Everything but the wait queues is guarded by IpcLocks::msg.
#pragma once

#include <list>
#include <string>

#include "servers/linux/ipc/namespace.h"

namespace hati::linux {

struct MessageQueue : RefCounted<MessageQueue>, IpcObject {
  static void destroy(MessageQueue* queue) { delete queue; }
  struct Message {
    i64 type;
    std::string text;
  };
  std::list<Message> messages;
  u64 bytes = 0, bytes_max = kMsgQueueBytes;
  i64 send_time = 0, receive_time = 0, change_time = 0;
  Pid last_sender = 0, last_receiver = 0;
  WaitQueue readable, writable;  // also woken when the queue is removed
};

}  // namespace hati::linux
