// SPDX-License-Identifier: MIT
// Frame memory that is not in a thread's free list.
#include "runtime/frame.h"

#include "runtime/log.h"

namespace hati {

void* FrameCache::allocate_slow(usize bytes) {
  const usize index = (bytes - 1) / kStep;
  void* frame = std::malloc(index < kClasses ? (index + 1) * kStep : bytes);
  if (frame == nullptr) {
    log_line(LogLevel::kError, "out of memory for a task");
    std::abort();
  }
  return frame;
}

void FrameCache::clear() {
  for (List& list : lists_) {
    while (Free* frame = list.first) {
      list.first = frame->next;
      std::free(frame);
    }
    list.count = 0;
  }
}

#if defined(HATI_HOST_TEST)
void* frame_allocate(usize bytes) { return ::operator new(bytes); }
void frame_free(void* frame, usize bytes) { ::operator delete(frame, bytes); }
#else
constinit thread_local FrameCache frame_cache;
#endif

}  // namespace hati
