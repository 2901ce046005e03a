// SPDX-License-Identifier: MIT
// Per processor: a list of work items and a list of dead objects. Only their own processor touches them (interrupts are off), so
// there is no lock.
#include "kernel/object/deferred.h"

#include "kernel/cpu/cpu.h"
#include "kernel/debug/panic.h"
#include "kernel/object/object.h"

namespace hati {

class DeferredQueue {
 public:
  void push(Deferred& item) {
    HATI_ASSERT(!item.queued_);
    item.queued_ = true;
    item.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &item;
    last_ = &item;
  }
  bool empty() const { return first_ == nullptr; }

  // One piece of the oldest item; unfinished ones go to the end, so that all make progress.
  void run_piece() {
    Deferred* item = first_;
    first_ = item->next_;
    if (first_ == nullptr) last_ = nullptr;
    item->queued_ = false;
    if (!item->run_deferred()) push(*item);
  }

 private:
  Deferred* first_ = nullptr;
  Deferred* last_ = nullptr;
};

class DeferredObjects {
 public:
  static constexpr u32 kPiece = 16;

  void push(Object& object) {
    object.next_dead_ = first_;
    first_ = &object;
  }
  bool empty() const { return first_ == nullptr; }
  // Destructors drop references and may push further objects: those come in a later round.
  void run_piece() {
    for (u32 i = 0; i < kPiece && first_ != nullptr; ++i) {
      Object* object = first_;
      first_ = object->next_dead_;
      object->release_storage();
    }
  }

 private:
  Object* first_ = nullptr;
};

namespace {

struct CpuWork {
  DeferredQueue items;
  DeferredObjects objects;
};
constinit PerCpu<CpuWork> work;

}  // namespace

void Object::destroy(Object* object) {
  work.local().objects.push(*object);
  note_deferred();
}

void defer(Deferred& item) {
  work.local().items.push(item);
  note_deferred();
}

bool has_deferred_work() {
  const CpuWork& local = work.local();
  return !local.items.empty() || !local.objects.empty();
}

bool run_deferred_piece() {
  CpuWork& local = work.local();
  if (!local.objects.empty()) local.objects.run_piece();
  if (!local.items.empty()) local.items.run_piece();
  return has_deferred_work();
}

}  // namespace hati
