// SPDX-License-Identifier: MIT
// msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
#include "servers/linux/ipc/msg.h"

#include <cstdio>

#include "servers/linux/core/namespaces.h"
#include "servers/linux/ipc/calls.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

SysResult<i64> sys_msgget(Thread& thread, i32 key, u32 flags) {
  IpcNamespace& space = ipc_of(thread);
  auto fresh = Ref<MessageQueue>::adopt(std::make_unique<MessageQueue>().release());
  fresh->change_time = wall_time_now().seconds;
  own_ipc_object(thread, *fresh, key, flags);
  SpinGuard guard(IpcLocks::msg);
  if (const Ref<MessageQueue> found = TRY(find_for_get(thread, space.queues, key, flags, [](const MessageQueue&) { return true; })))
    return i64{found->id};
  TRY(space.queues.add(fresh, kMsgQueues));
  return i64{fresh->id};
}

namespace {

SysResult<Ref<MessageQueue>> find_queue(Thread& thread, i32 id, u32 access) {
  SpinGuard guard(IpcLocks::msg);
  Ref<MessageQueue> queue = TRY(ipc_of(thread).queues.find(id));
  TRY(check_ipc_permission(thread, *queue, access));
  return queue;
}

// kAGAIN: no room yet.
SysResult<> send_now(MessageQueue& queue, MessageQueue::Message& message, Thread& thread) {
  {
    SpinGuard guard(IpcLocks::msg);
    if (queue.removed) return fail(Errno::kIDRM);
    TRY(check_ipc_permission(thread, queue, 0222));
    if (queue.bytes + message.text.size() > queue.bytes_max || queue.messages.size() + 1 > queue.bytes_max) return fail(Errno::kAGAIN);
    queue.bytes += message.text.size();
    queue.messages.push_back(std::move(message));
    queue.last_sender = thread.process().pid;
    queue.send_time = wall_time_now().seconds;
  }
  queue.readable.wake_all();
  return {};
}

struct Wanted {
  u64 bytes;
  i64 type;
  u32 flags;
};

std::list<MessageQueue::Message>::iterator choose(MessageQueue& queue, const Wanted& wanted) HATI_REQUIRES(IpcLocks::msg) {
  auto& messages = queue.messages;
  if ((wanted.flags & kMsgCopy) != 0) {
    auto at = messages.begin();
    for (i64 i = 0; i < wanted.type && at != messages.end(); ++i) ++at;
    return at;
  }
  if (wanted.type == 0) return messages.begin();
  auto best = messages.end();
  for (auto at = messages.begin(); at != messages.end(); ++at) {
    if (wanted.type > 0) {
      if ((at->type == wanted.type) != ((wanted.flags & kMsgExcept) != 0)) return at;
    } else if (at->type <= -wanted.type && (best == messages.end() || at->type < best->type)) {
      best = at;
    }
  }
  return best;
}

// kNOMSG: none yet.
SysResult<MessageQueue::Message> receive_now(MessageQueue& queue, const Wanted& wanted, Thread& thread) {
  MessageQueue::Message result;
  {
    SpinGuard guard(IpcLocks::msg);
    if (queue.removed) return fail(Errno::kIDRM);
    TRY(check_ipc_permission(thread, queue, 0444));
    const auto found = choose(queue, wanted);
    if (found == queue.messages.end()) return fail(Errno::kNOMSG);
    if (found->text.size() > wanted.bytes && (wanted.flags & kMsgNoError) == 0) return fail(Errno::kTOOBIG);
    if ((wanted.flags & kMsgCopy) != 0) return *found;
    result = std::move(*found);
    queue.bytes -= result.text.size();
    queue.messages.erase(found);
    queue.last_receiver = thread.process().pid;
    queue.receive_time = wall_time_now().seconds;
  }
  queue.writable.wake_all();
  return result;
}

Task<SysResult<i64>> send_later(Thread& thread, Ref<MessageQueue> queue, MessageQueue::Message message) {
  Waiter waiter(thread);
  waiter.add(queue->writable);
  for (;;) {
    const SysResult<> sent = send_now(*queue, message, thread);
    if (sent) co_return 0;
    if (sent.error() != Errno::kAGAIN) co_return fail(sent.error());
    // Not restarted when a handler has run (signal(7)).
    if (!co_await waiter.wait()) co_return fail(Errno::kRESTARTNOHAND);
  }
}

Task<SysResult<MessageQueue::Message>> receive_later(Thread& thread, Ref<MessageQueue> queue, Wanted wanted) {
  Waiter waiter(thread);
  waiter.add(queue->readable);
  for (;;) {
    SysResult<MessageQueue::Message> received = receive_now(*queue, wanted, thread);
    if (received || received.error() != Errno::kNOMSG) co_return received;
    if (!co_await waiter.wait()) co_return fail(Errno::kRESTARTNOHAND);
  }
}

}  // namespace

Task<SysResult<i64>> sys_msgsnd(Thread& thread, i32 id, UserAddress from, u64 bytes, u32 flags) {
  const i64 type = CO_TRY(thread.memory().get(from.as<i64>()));
  if (bytes > static_cast<u64>(kMsgMax) || id < 0 || type < 1) co_return fail(Errno::kINVAL);
  MessageQueue::Message message{.type = type, .text = std::string(bytes, '\0')};
  CO_TRY(thread.memory().read(from.address + sizeof(i64), message.text.data(), bytes));
  Ref<MessageQueue> queue = CO_TRY(find_queue(thread, id, 0222));
  const SysResult<> sent = send_now(*queue, message, thread);
  if (sent) co_return 0;
  if (sent.error() != Errno::kAGAIN || (flags & kIpcNoWait) != 0) co_return fail(sent.error());
  co_return co_await send_later(thread, std::move(queue), std::move(message));
}

Task<SysResult<i64>> sys_msgrcv(Thread& thread, i32 id, UserAddress to, u64 bytes, i64 type, u32 flags) {
  if (id < 0 || static_cast<i64>(bytes) < 0) co_return fail(Errno::kINVAL);
  if ((flags & kMsgCopy) != 0 && ((flags & kMsgExcept) != 0 || (flags & kIpcNoWait) == 0)) co_return fail(Errno::kINVAL);
  if (type == INT64_MIN) type = INT64_MIN + 1;
  const Wanted wanted{.bytes = bytes, .type = type, .flags = flags};
  Ref<MessageQueue> queue = CO_TRY(find_queue(thread, id, 0444));
  SysResult<MessageQueue::Message> received = receive_now(*queue, wanted, thread);
  if (!received && received.error() == Errno::kNOMSG && (flags & kIpcNoWait) == 0)
    received = co_await receive_later(thread, std::move(queue), wanted);
  if (!received) co_return fail(received.error());
  const usize length = std::min<usize>(received->text.size(), bytes);
  CO_TRY(thread.memory().put(to.as<i64>(), received->type));
  CO_TRY(thread.memory().write(to.address + sizeof(i64), received->text.data(), length));
  co_return static_cast<i64>(length);
}

namespace {

SysResult<i64> msg_limits(Thread& thread, i32 command, UserAddress to) {
  UserMsgLimits limits{.pool = kMsgQueues / 1024 * kMsgQueueBytes,
                       .map = kMsgQueueBytes,
                       .message_max = kMsgMax,
                       .queue_max = kMsgQueueBytes,
                       .queues = kMsgQueues,
                       .segment_size = 16,
                       .total = kMsgQueueBytes,
                       .segments = 0xffff,
                       .padding = 0};
  i32 highest = 0;
  {
    SpinGuard guard(IpcLocks::msg);
    const IpcNamespace& space = ipc_of(thread);
    highest = space.queues.highest();
    if (command == kMsgInfo) {
      limits.pool = static_cast<i32>(space.queues.size());
      limits.map = limits.total = 0;
      for (const auto& [index, queue] : space.queues.all()) {
        limits.map += static_cast<i32>(queue->messages.size());
        limits.total += static_cast<i32>(queue->bytes);
      }
    }
  }
  TRY(thread.memory().put(to.as<UserMsgLimits>(), limits));
  return i64{highest};
}

SysResult<i64> msg_status(Thread& thread, i32 id, i32 command, UserAddress to) {
  UserMsgStatus status{};
  i64 result = 0;
  {
    SpinGuard guard(IpcLocks::msg);
    IpcNamespace& space = ipc_of(thread);
    const bool by_index = command != kIpcStat;
    const Ref<MessageQueue> queue = TRY(by_index ? space.queues.at_index(id) : space.queues.find(id));
    if (command != kMsgStatAny) TRY(check_ipc_permission(thread, *queue, 0444));
    status.permissions = permissions_of(*queue);
    status.send_time = queue->send_time;
    status.receive_time = queue->receive_time;
    status.change_time = queue->change_time;
    status.bytes = queue->bytes;
    status.messages = queue->messages.size();
    status.bytes_max = queue->bytes_max;
    status.last_sender = queue->last_sender;
    status.last_receiver = queue->last_receiver;
    if (by_index) result = queue->id;
  }
  TRY(thread.memory().put(to.as<UserMsgStatus>(), status));
  return result;
}

SysResult<i64> msg_change(Thread& thread, i32 id, i32 command, UserAddress from) {
  UserMsgStatus given{};
  if (command == kIpcSet) given = TRY(thread.memory().get(from.as<UserMsgStatus>()));
  Ref<MessageQueue> queue;
  {
    SpinGuard guard(IpcLocks::msg);
    IpcNamespace& space = ipc_of(thread);
    queue = TRY(space.queues.find(id));
    TRY(check_ipc_owner(thread, *queue));
    if (command == kIpcSet) {
      if (given.bytes_max > static_cast<u64>(kMsgQueueBytes) && !thread.capable(kCapSysResource)) return fail(Errno::kPERM);
      queue->bytes_max = given.bytes_max;
      set_ipc_permissions(*queue, given.permissions);
      queue->change_time = wall_time_now().seconds;
    } else {
      space.queues.remove(*queue);
    }
  }
  queue->readable.wake_all();
  queue->writable.wake_all();
  return 0;
}

}  // namespace

SysResult<i64> sys_msgctl(Thread& thread, i32 id, i32 command, UserAddress buffer) {
  if (id < 0 || command < 0) return fail(Errno::kINVAL);
  switch (command) {
    case kIpcInfo:
    case kMsgInfo: return msg_limits(thread, command, buffer);
    case kIpcStat:
    case kMsgStat:
    case kMsgStatAny: return msg_status(thread, id, command, buffer);
    case kIpcSet:
    case kIpcRemove: return msg_change(thread, id, command, buffer);
    default: return fail(Errno::kINVAL);
  }
}

std::string msg_table_text(Thread* reader) {
  std::string text =
      "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n";
  const IpcNamespace& space = reader != nullptr ? ipc_of(*reader) : *Namespaces::initial()->ipc;
  SpinGuard guard(IpcLocks::msg);
  for (const auto& [index, q] : space.queues.all()) {
    char line[192];
    std::snprintf(line, sizeof line, "%10d %10d  %4o  %10llu %10zu %5d %5d %5u %5u %5u %5u %10lld %10lld %10lld\n", q->key, q->id, q->mode,
                  static_cast<unsigned long long>(q->bytes), q->messages.size(), q->last_sender, q->last_receiver, q->uid, q->gid,
                  q->creator_uid, q->creator_gid, static_cast<long long>(q->send_time), static_cast<long long>(q->receive_time),
                  static_cast<long long>(q->change_time));
    text += line;
  }
  return text;
}

}  // namespace hati::linux
