// SPDX-License-Identifier: MIT
// abi/linux/inotify.h against linux/inotify.h.
#include <linux/inotify.h>

#include "abi/linux/inotify.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

EQUAL(kNotifyAccess, IN_ACCESS);
EQUAL(kNotifyModify, IN_MODIFY);
EQUAL(kNotifyAttributes, IN_ATTRIB);
EQUAL(kNotifyCloseWrite, IN_CLOSE_WRITE);
EQUAL(kNotifyCloseNoWrite, IN_CLOSE_NOWRITE);
EQUAL(kNotifyOpen, IN_OPEN);
EQUAL(kNotifyMovedFrom, IN_MOVED_FROM);
EQUAL(kNotifyMovedTo, IN_MOVED_TO);
EQUAL(kNotifyCreate, IN_CREATE);
EQUAL(kNotifyDelete, IN_DELETE);
EQUAL(kNotifyDeleteSelf, IN_DELETE_SELF);
EQUAL(kNotifyMoveSelf, IN_MOVE_SELF);
EQUAL(kNotifyEvents, IN_ALL_EVENTS);
EQUAL(kNotifyUnmount, IN_UNMOUNT);
EQUAL(kNotifyOverflow, IN_Q_OVERFLOW);
EQUAL(kNotifyIgnored, IN_IGNORED);
EQUAL(kNotifyOnlyDirectory, IN_ONLYDIR);
EQUAL(kNotifyNoFollow, IN_DONT_FOLLOW);
EQUAL(kNotifyExcludeUnlinked, IN_EXCL_UNLINK);
EQUAL(kNotifyMaskCreate, IN_MASK_CREATE);
EQUAL(kNotifyMaskAdd, IN_MASK_ADD);
EQUAL(kNotifyDirectory, IN_ISDIR);
EQUAL(kNotifyOneShot, IN_ONESHOT);

using TheirEvent = struct ::inotify_event;
SAME_SIZE(UserInotifyEvent, TheirEvent);
SAME(UserInotifyEvent, watch, TheirEvent, wd);
SAME(UserInotifyEvent, mask, TheirEvent, mask);
SAME(UserInotifyEvent, cookie, TheirEvent, cookie);
SAME(UserInotifyEvent, length, TheirEvent, len);

}  // namespace hati::linux
