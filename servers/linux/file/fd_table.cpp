// SPDX-License-Identifier: MIT
#include "servers/linux/file/fd_table.h"

#include <algorithm>

namespace hati::linux {

void FdTable::destroy(FdTable* table) {
  table->close_all();
  delete table;
}

Ref<FdTable> FdTable::copy() const {
  auto table = Ref<FdTable>::adopt(std::make_unique<FdTable>().release());
  SpinGuard guard(lock_);
  SpinGuard inner(table->lock_);
  table->slots_ = slots_;
  table->first_free_ = first_free_;
  return table;
}

SysResult<Ref<File>> FdTable::get(Fd fd) const {
  SpinGuard guard(lock_);
  const auto index = static_cast<u32>(fd.value);
  if (index >= slots_.size() || !slots_[index].file) return fail(Errno::kBADF);
  return slots_[index].file;
}

SysResult<Fd> FdTable::allocate(Ref<File> file, bool close_on_exec, i32 minimum, u64 limit) {
  SpinGuard guard(lock_);
  u32 index = std::max(static_cast<u32>(minimum), first_free_);
  while (index < slots_.size() && slots_[index].file) ++index;
  if (index >= limit) return fail(Errno::kMFILE);
  if (index >= slots_.size()) slots_.resize(index + 1);
  slots_[index] = {std::move(file), close_on_exec};
  if (static_cast<u32>(minimum) <= first_free_) first_free_ = index + 1;
  return Fd{static_cast<i32>(index)};
}

SysResult<Ref<File>> FdTable::install(Fd fd, Ref<File> file, bool close_on_exec, u64 limit) {
  const auto index = static_cast<u32>(fd.value);
  if (index >= limit) return fail(Errno::kBADF);
  SpinGuard guard(lock_);
  if (index >= slots_.size()) slots_.resize(index + 1);
  std::swap(slots_[index].file, file);
  slots_[index].close_on_exec = close_on_exec;
  return file;
}

Ref<File> FdTable::take(u32 index) {
  Ref<File> file = std::move(slots_[index].file);
  slots_[index].close_on_exec = false;
  first_free_ = std::min(first_free_, index);
  return file;
}

SysResult<Ref<File>> FdTable::remove(Fd fd) {
  SpinGuard guard(lock_);
  const auto index = static_cast<u32>(fd.value);
  if (index >= slots_.size() || !slots_[index].file) return fail(Errno::kBADF);
  return take(index);
}

SysResult<bool> FdTable::close_on_exec(Fd fd) const {
  SpinGuard guard(lock_);
  const auto index = static_cast<u32>(fd.value);
  if (index >= slots_.size() || !slots_[index].file) return fail(Errno::kBADF);
  return slots_[index].close_on_exec;
}

SysResult<> FdTable::set_close_on_exec(Fd fd, bool value) {
  SpinGuard guard(lock_);
  const auto index = static_cast<u32>(fd.value);
  if (index >= slots_.size() || !slots_[index].file) return fail(Errno::kBADF);
  slots_[index].close_on_exec = value;
  return {};
}

std::vector<Ref<File>> FdTable::remove_close_on_exec() {
  std::vector<Ref<File>> files;
  SpinGuard guard(lock_);
  for (u32 index = 0; index < slots_.size(); ++index)
    if (slots_[index].file && slots_[index].close_on_exec) files.push_back(take(index));
  return files;
}

std::vector<Ref<File>> FdTable::remove_range(u32 first, u32 last) {
  std::vector<Ref<File>> files;
  SpinGuard guard(lock_);
  for (u32 index = first; index < slots_.size() && index <= last; ++index)
    if (slots_[index].file) files.push_back(take(index));
  return files;
}

void FdTable::set_close_on_exec_range(u32 first, u32 last) {
  SpinGuard guard(lock_);
  for (u32 index = first; index < slots_.size() && index <= last; ++index)
    if (slots_[index].file) slots_[index].close_on_exec = true;
}

std::vector<Ref<File>> FdTable::remove_all() { return remove_range(0, ~0u); }

void FdTable::close(Ref<File> file) const { file->on_close(*this); }

void FdTable::close_on_exec_files() {
  for (Ref<File>& file : remove_close_on_exec()) close(std::move(file));
}

void FdTable::close_all() {
  for (Ref<File>& file : remove_all()) close(std::move(file));
}

std::vector<Fd> FdTable::list() const {
  std::vector<Fd> result;
  SpinGuard guard(lock_);
  for (u32 index = 0; index < slots_.size(); ++index)
    if (slots_[index].file) result.push_back(Fd{static_cast<i32>(index)});
  return result;
}

usize FdTable::slot_count() const {
  SpinGuard guard(lock_);
  return slots_.size();
}

}  // namespace hati::linux
