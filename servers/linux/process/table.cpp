// SPDX-License-Identifier: MIT
// The table of ids (process/table.h).
#include "servers/linux/process/table.h"

#include <algorithm>

#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

// A new reference, unless the object's last one is going away right now.
template <class T>
Ref<T> reference(T* object) {
  if (object == nullptr || !object->try_ref()) return {};
  return Ref<T>::adopt(object);
}

}  // namespace

Process* ProcessTable::process(Pid pid) const {
  const auto found = entries_.find(pid);
  return found == entries_.end() ? nullptr : found->second.process;
}

Thread* ProcessTable::thread(Tid tid) const {
  const auto found = entries_.find(tid);
  return found == entries_.end() ? nullptr : found->second.thread;
}

ProcessGroup* ProcessTable::group(Pid id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.group;
}

Session* ProcessTable::session(Pid id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.session;
}

Ref<Process> ProcessTable::find_process(Pid pid) const {
  SpinGuard guard(lock);
  return reference(process(pid));
}

Ref<Thread> ProcessTable::find_thread(Tid tid) const {
  SpinGuard guard(lock);
  return reference(thread(tid));
}

Ref<ProcessGroup> ProcessTable::find_group(Pid id) const {
  SpinGuard guard(lock);
  return reference(group(id));
}

std::vector<Ref<Process>> ProcessTable::list() const {
  std::vector<Ref<Process>> result;
  {
    SpinGuard guard(lock);
    result.reserve(processes);
    for (const auto& [pid, entry] : entries_)
      if (Ref<Process> found = reference(entry.process)) result.push_back(std::move(found));
  }
  std::sort(result.begin(), result.end(), [](const Ref<Process>& a, const Ref<Process>& b) { return a->pid < b->pid; });
  return result;
}

u32 ProcessTable::process_count() const {
  SpinGuard guard(lock);
  return processes;
}

u32 ProcessTable::thread_count() const {
  SpinGuard guard(lock);
  return threads;
}

Pid ProcessTable::last_pid() const {
  SpinGuard guard(lock);
  return allocator_.last();
}

SysResult<Pid> ProcessTable::allocate() {
  return allocator_.allocate([this](Pid pid) HATI_NO_THREAD_SAFETY_ANALYSIS { return entries_.contains(pid); });
}

void ProcessTable::forget_if_empty(Pid id) {
  if (const auto found = entries_.find(id); found != entries_.end() && found->second.empty()) entries_.erase(found);
}

}  // namespace hati::linux
