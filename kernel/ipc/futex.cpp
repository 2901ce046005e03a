// SPDX-License-Identifier: MIT
// Futexes: operations that wait for a wake-up at a word of memory. They hang in buckets by what the word is (its space or memory object
// and the offset there), so that processes that share memory meet. A bucket's lock makes the comparison and the queueing one step.
#include "abi/call.h"
#include "kernel/ipc/operations.h"
#include "kernel/ipc/ring.h"
#include "kernel/object/init.h"
#include "kernel/thread/process.h"

#include <new>

namespace hati {

namespace {

constexpr u32 kBuckets = 256;

struct Bucket {
  Spinlock lock;
  TargetList waiters HATI_GUARDED_BY(lock);
};

alignas(Bucket) constinit std::byte bucket_storage[kBuckets * sizeof(Bucket)]{};

Bucket& bucket_of(const AddressSpace::FutexKey& key) {
  const u64 mixed = (reinterpret_cast<u64>(key.object) >> 4 ^ key.offset >> 2) * 0x9e37'79b9'7f4a'7c15;
  return std::launder(reinterpret_cast<Bucket*>(bucket_storage))[mixed >> 56];
}

// An operation's key is in data[0], data[1].
bool matches(const PendingOperation& operation, const AddressSpace::FutexKey& key) {
  return operation.data[0] == reinterpret_cast<u64>(key.object) && operation.data[1] == key.offset;
}

PendingOperation* claim_matching(Bucket& bucket, const AddressSpace::FutexKey& key) {
  Guard guard(bucket.lock);
  for (auto it = bucket.waiters.begin(); it != bucket.waiters.end();) {
    PendingOperation& operation = *it++;
    if (!matches(operation, key) || !operation.claim()) continue;
    bucket.waiters.erase(bucket.waiters.iterator_to(operation));
    operation.target_lock = nullptr;
    return &operation;
  }
  return nullptr;
}

}  // namespace

void futex_init() {
  for (u32 i = 0; i < kBuckets; ++i) new (bucket_storage + i * sizeof(Bucket)) Bucket;
}

Result<> start_futex_wait(Ring& ring, Thread& thread, const Submission& submission) {
  const u64 address = submission.args[0];
  if (submission.args[1] > ~u32{0}) return fail(Error::kInvalidArgument);
  Process& process = thread.process();
  const auto key = TRY(process.futex_key(address));
  Bucket& bucket = bucket_of(key);
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  operation->data[0] = reinterpret_cast<u64>(key.object);
  operation->data[1] = key.offset;
  operation->space = Ref<Object>(process);  // the key stays unique as long as somebody waits
  operation->target_lock = &bucket.lock;
  Error error = Error::kMismatch;
  {
    Guard guard(bucket.lock);
    const auto value = process.read<u32>(address);
    if (value && *value == submission.args[1]) {
      TRY(operation->track(submission.args[2]));
      bucket.waiters.push_back(*operation);
      return {};
    }
    if (!value) error = value.error();
  }
  operation->finish_untracked(-static_cast<i64>(error));
  return {};
}

Result<> start_futex_wake(Ring& ring, Thread& thread, const Submission& submission) {
  const auto key = TRY(thread.process().futex_key(submission.args[0]));
  Bucket& bucket = bucket_of(key);
  u64 woken = 0;
  while (woken < submission.args[1]) {
    PendingOperation* operation = claim_matching(bucket, key);
    if (operation == nullptr) break;
    operation->finish(0);
    ++woken;
  }
  ring.complete_now(submission, static_cast<i64>(woken));
  return {};
}

}  // namespace hati
