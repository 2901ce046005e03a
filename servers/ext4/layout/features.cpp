// SPDX-License-Identifier: MIT
#include "servers/ext4/layout/features.h"

namespace hati::ext4 {

namespace {

constexpr const char* kIncompatibleNames[32] = {
    "compression", "filetype", "needs_recovery", "journal_dev",        "meta_bg",   nullptr,       "extent",  "64bit",   "mmp", "flex_bg",
    "ea_inode",    nullptr,    "dirdata",        "metadata_csum_seed", "large_dir", "inline_data", "encrypt", "casefold"};
constexpr const char* kReadOnlyNames[32] = {"sparse_super", "large_file",   "btree_dir",     "huge_file", "uninit_bg",     "dir_nlink",
                                            "extra_isize",  "has_snapshot", "quota",         "bigalloc",  "metadata_csum", "replica",
                                            "read-only",    "project",      "shared_blocks", "verity",    "orphan_present"};

std::string names(u32 bits, const char* const (&table)[32], char letter) {
  std::string text;
  for (u32 bit = 0; bit < 32; ++bit) {
    if ((bits >> bit & 1) == 0) continue;
    if (!text.empty()) text += ' ';
    if (table[bit] != nullptr) {
      text += table[bit];
    } else {
      text += std::string("FEATURE_") + letter + std::to_string(bit);
    }
  }
  return text;
}

}  // namespace

std::string incompatible_names(u32 bits) { return names(bits, kIncompatibleNames, 'I'); }
std::string read_only_names(u32 bits) { return names(bits, kReadOnlyNames, 'R'); }

}  // namespace hati::ext4
