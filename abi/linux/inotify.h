// SPDX-License-Identifier: MIT
// Linux's structure and constants of inotify(7).
#pragma once

#include "base/types.h"

namespace hati::linux {

enum NotifyMask : u32 {
  kNotifyAccess = 0x1,
  kNotifyModify = 0x2,
  kNotifyAttributes = 0x4,
  kNotifyCloseWrite = 0x8,
  kNotifyCloseNoWrite = 0x10,
  kNotifyOpen = 0x20,
  kNotifyMovedFrom = 0x40,
  kNotifyMovedTo = 0x80,
  kNotifyCreate = 0x100,
  kNotifyDelete = 0x200,
  kNotifyDeleteSelf = 0x400,
  kNotifyMoveSelf = 0x800,
  kNotifyEvents = 0xfff,
  kNotifyUnmount = 0x2000,
  kNotifyOverflow = 0x4000,
  kNotifyIgnored = 0x8000,
  kNotifyOnlyDirectory = 0x1000000,
  kNotifyNoFollow = 0x2000000,
  kNotifyExcludeUnlinked = 0x4000000,
  kNotifyMaskCreate = 0x10000000,
  kNotifyMaskAdd = 0x20000000,
  kNotifyDirectory = 0x40000000,
  kNotifyOneShot = 0x80000000,
};

// struct inotify_event, before the name.
struct UserInotifyEvent {
  i32 watch;
  u32 mask, cookie, length;
};
static_assert(sizeof(UserInotifyEvent) == 16);

}  // namespace hati::linux
