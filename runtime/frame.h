// SPDX-License-Identifier: MIT
// Memory of coroutine frames: per-thread free lists by size, so that starting a task costs a dozen instructions. A frame may be
// freed on another thread than it came from; it then joins that thread's list. Ends the process when memory is exhausted.
#pragma once

#include <array>
#include <cstdlib>

#include "base/types.h"

namespace hati {

class FrameCache {
 public:
  static constexpr usize kStep = 64;
  static constexpr usize kClasses = 64;  // up to 4 KiB
  static constexpr u32 kKeepMax = 64;    // frames of a class kept per thread

  constexpr FrameCache() = default;
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;

  [[gnu::returns_nonnull]] void* allocate(usize bytes) {
    const usize index = (bytes - 1) / kStep;
    if (index < kClasses) [[likely]] {
      List& list = lists_[index];
      if (Free* frame = list.first) [[likely]] {
        list.first = frame->next;
        --list.count;
        return frame;
      }
    }
    return allocate_slow(bytes);
  }

  // Gives everything back to malloc: before the thread ends.
  void clear();

  void free(void* frame, usize bytes) {
    const usize index = (bytes - 1) / kStep;
    if (index < kClasses) [[likely]] {
      List& list = lists_[index];
      if (list.count < kKeepMax) [[likely]] {
        auto* entry = static_cast<Free*>(frame);
        entry->next = list.first;
        list.first = entry;
        ++list.count;
        return;
      }
    }
    std::free(frame);
  }

 private:
  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    u32 count = 0;
  };
  static void* allocate_slow(usize bytes);

  std::array<List, kClasses> lists_{};
};

#if defined(HATI_HOST_TEST)
// Under the sanitizers each frame is an allocation of its own, so that they see misuse.
void* frame_allocate(usize bytes);
void frame_free(void* frame, usize bytes);
#else
extern constinit thread_local FrameCache frame_cache;
inline void* frame_allocate(usize bytes) { return frame_cache.allocate(bytes); }
inline void frame_free(void* frame, usize bytes) { frame_cache.free(frame, bytes); }
#endif

}  // namespace hati
