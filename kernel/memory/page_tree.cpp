// SPDX-License-Identifier: MIT
// Nodes know how many of their slots are used, and are freed when that becomes zero. Heights are at most 9 (52 bits of page number).
#include "kernel/memory/page_tree.h"

#include <array>
#include <bit>

#include "kernel/debug/panic.h"
#include "kernel/memory/object_cache.h"

namespace hati {

struct PageTree::Node {
  std::array<u64, kSlots> slots{};  // frames in the lowest level, else Node*; 0: empty
  u32 used = 0;
  std::array<u64, PageTree::kMarks> marks{};  // bit i: slot i, or something below it, has the mark
};

namespace {
constinit ObjectCache<PageTree::Node> node_cache;

PageTree::Node* as_node(u64 slot) { return reinterpret_cast<PageTree::Node*>(slot); }
u64 as_slot(PageTree::Node* node) { return reinterpret_cast<u64>(node); }
}  // namespace

PageTree::~PageTree() { HATI_ASSERT(count_ == 0 && root_ == 0); }

u64 PageTree::node_bytes() const { return nodes_ * sizeof(Node); }

PhysAddr PageTree::find(u64 index) const {
  if (!fits(index, height_)) return PhysAddr{};
  u64 slot = root_;
  for (u32 height = height_; height != 0 && slot != 0; --height) slot = as_node(slot)->slots[(index >> ((height - 1) * kBits)) % kSlots];
  return PhysAddr{slot};
}

// Adds levels on top until the index fits.
Result<> PageTree::grow(u64 index) {
  while (!fits(index, height_)) {
    if (root_ != 0) {
      Node* node = TRY(node_cache.construct());
      ++nodes_;
      node->slots[0] = root_;
      node->used = 1;
      for (u32 mark = 0; mark < kMarks; ++mark)
        node->marks[mark] = height_ == 0 ? root_marks_ >> mark & 1 : u64{as_node(root_)->marks[mark] != 0};
      root_marks_ = 0;
      root_ = as_slot(node);
    }
    ++height_;
  }
  return {};
}

Result<> PageTree::insert(u64 index, PhysAddr frame) {
  TRY(grow(index));
  u64* slot = &root_;
  Node* parent = nullptr;
  for (u32 height = height_; height != 0; --height) {
    if (*slot == 0) {
      const auto node = node_cache.construct();
      if (!node) {
        prune(index);
        return fail(node.error());
      }
      ++nodes_;
      *slot = as_slot(*node);
      if (parent != nullptr) ++parent->used;
    }
    parent = as_node(*slot);
    slot = &parent->slots[(index >> ((height - 1) * kBits)) % kSlots];
  }
  HATI_ASSERT(*slot == 0);
  *slot = frame.value;
  if (parent != nullptr) ++parent->used;
  ++count_;
  return {};
}

// Frees the empty nodes on the way to the index.
void PageTree::prune(u64 index) {
  std::array<u64*, 12> path;
  u32 depth = 0;
  u64* slot = &root_;
  for (u32 height = height_; height != 0 && *slot != 0; --height) {
    path[depth++] = slot;
    slot = &as_node(*slot)->slots[(index >> ((height - 1) * kBits)) % kSlots];
  }
  while (depth-- != 0) {
    Node* node = as_node(*path[depth]);
    if (node->used != 0) return;
    node_cache.destroy(node);
    --nodes_;
    *path[depth] = 0;
    if (depth != 0) --as_node(*path[depth - 1])->used;
  }
  if (root_ == 0) height_ = 0;
}

PhysAddr PageTree::remove(u64 index) {
  if (!fits(index, height_)) return PhysAddr{};
  u64* slot = &root_;
  Node* parent = nullptr;
  for (u32 height = height_; height != 0; --height) {
    if (*slot == 0) return PhysAddr{};
    parent = as_node(*slot);
    slot = &parent->slots[(index >> ((height - 1) * kBits)) % kSlots];
  }
  if (*slot == 0) return PhysAddr{};
  const PhysAddr frame{*slot};
  *slot = 0;
  --count_;
  if (parent == nullptr)
    height_ = 0;
  else if (--parent->used == 0)
    prune(index);
  return frame;
}

u64* PageTree::slot(u64 index) {
  if (!fits(index, height_)) return nullptr;
  u64* slot = &root_;
  for (u32 height = height_; height != 0 && *slot != 0; --height) slot = &as_node(*slot)->slots[(index >> ((height - 1) * kBits)) % kSlots];
  return *slot == 0 ? nullptr : slot;
}

void PageTree::set_mark(u64 index, Mark mark) {
  if (height_ == 0) root_marks_ |= u64{1} << mark;
  u64 slot = root_;
  for (u32 height = height_; height != 0; --height) {
    const u64 digit = (index >> ((height - 1) * kBits)) % kSlots;
    as_node(slot)->marks[mark] |= u64{1} << digit;
    slot = as_node(slot)->slots[digit];
  }
}

void PageTree::clear_mark(u64 index, Mark mark) {
  if (height_ == 0) root_marks_ &= ~(u64{1} << mark);
  std::array<Node*, 12> path{};
  u64 slot = root_;
  for (u32 height = height_; height != 0; --height) {
    path[height] = as_node(slot);
    slot = as_node(slot)->slots[(index >> ((height - 1) * kBits)) % kSlots];
  }
  for (u32 height = 1; height <= height_; ++height) {
    path[height]->marks[mark] &= ~(u64{1} << (index >> ((height - 1) * kBits)) % kSlots);
    if (path[height]->marks[mark] != 0) return;
  }
}

Result<u64> PageTree::next_marked(u64 index, Mark mark) const {
  while (fits(index, height_) && root_ != 0) {
    if (height_ == 0) return (root_marks_ >> mark & 1) != 0 ? Result<u64>{0} : fail(Error::kNotFound);
    const Node* node = as_node(root_);
    u32 height = height_;
    for (;; --height) {
      const u32 shift = (height - 1) * kBits;
      const u64 left = node->marks[mark] >> (index >> shift) % kSlots;
      if (left == 0) break;
      if (const u32 skipped = static_cast<u32>(std::countr_zero(left)); skipped != 0) index = ((index >> shift) + skipped) << shift;
      if (height == 1) return index;
      node = as_node(node->slots[(index >> shift) % kSlots]);
    }
    const u64 step = u64{1} << (height * kBits);  // nothing more in this node
    index = (index & ~(step - 1)) + step;
    if (index == 0) break;
  }
  return fail(Error::kNotFound);
}

Result<u64> PageTree::next(u64 index) const {
  while (fits(index, height_) && root_ != 0) {
    u64 slot = root_;
    u32 height = height_;
    for (; height != 0; --height) {
      const u64 below = as_node(slot)->slots[(index >> ((height - 1) * kBits)) % kSlots];
      if (below == 0) break;
      slot = below;
    }
    if (height == 0) return index;
    const u64 step = u64{1} << ((height - 1) * kBits);  // an empty slot at this height stands for so many pages
    index = (index & ~(step - 1)) + step;
    if (index == 0) break;
  }
  return fail(Error::kNotFound);
}

u64 PageTree::next_hole(u64 index) const {
  for (;;) {
    if (!fits(index, height_)) return index;
    u64 slot = root_;
    const Node* lowest = nullptr;
    for (u32 height = height_; height != 0 && slot != 0; --height) {
      lowest = as_node(slot);
      slot = lowest->slots[(index >> ((height - 1) * kBits)) % kSlots];
    }
    if (slot == 0) return index;
    index = lowest != nullptr && lowest->used == kSlots ? (index | (kSlots - 1)) + 1 : index + 1;
  }
}

}  // namespace hati
