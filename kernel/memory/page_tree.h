// SPDX-License-Identifier: MIT
// The frames of a Memory object by page number: a radix tree of 64-way nodes that is as high as the largest number needs; one page needs
// no node at all. No lock of its own. Frames belong to the tree until taken out. The low 12 bits of a slot are the owner's to use, through
// slot(). Marks are bits beside the slots that can be searched for.
#pragma once

#include "base/result.h"
#include "base/types.h"

namespace hati {

class PageTree {
 public:
  PageTree() = default;
  ~PageTree();  // must be empty of frames; nodes are freed
  PageTree(const PageTree&) = delete;
  PageTree& operator=(const PageTree&) = delete;

  // 0 if there is none.
  PhysAddr find(u64 index) const;
  // `index` has no frame. kNoMemory.
  Result<> insert(u64 index, PhysAddr frame);
  // 0 if there was none.
  PhysAddr remove(u64 index);
  // The first index >= `index` that has a frame, kNotFound.
  Result<u64> next(u64 index) const;
  // The first index >= `index` without a frame.
  u64 next_hole(u64 index) const;

  // The word of a page: its frame's address and the owner's bits below. nullptr: there is no page.
  u64* slot(u64 index);

  enum Mark : u32 { kDirty, kBusy, kMarks };
  // `index` has a page. A page is removed only without marks.
  void set_mark(u64 index, Mark mark);
  void clear_mark(u64 index, Mark mark);
  // The first index >= `index` with the mark, kNotFound.
  Result<u64> next_marked(u64 index, Mark mark) const;

  u64 count() const { return count_; }
  u64 node_bytes() const;

  struct Node;

 private:
  static constexpr u32 kBits = 6;
  static constexpr u32 kSlots = 1 << kBits;
  static bool fits(u64 index, u32 height) { return height * kBits >= 64 || (index >> (height * kBits)) == 0; }
  Result<> grow(u64 index);
  void prune(u64 index);

  u64 root_ = 0;  // height 0: a frame's address; else a Node*
  u64 root_marks_ = 0;  // height 0: bits by Mark
  u32 height_ = 0;
  u64 count_ = 0;
  u64 nodes_ = 0;
};

}  // namespace hati
