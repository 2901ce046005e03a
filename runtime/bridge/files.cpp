// SPDX-License-Identifier: MIT
// The file calls that the C library makes although there are no files: descriptors 1 and 2 are the log. And small questions about
// the system.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "runtime/bridge/bridge.h"
#include "runtime/call.h"
#include "runtime/spinlock.h"

namespace hati::bridge {

namespace {

// What was written without a newline yet. Constant-initialised: usable at any time.
class LineBuffer {
 public:
  void write(LogLevel level, std::string_view text) {
    SpinGuard guard(lock_);
    for (const char c : text) {
      if (c == '\n' || size_ == sizeof(line_)) {
        (void)call::log_write(level, {line_, size_});
        size_ = 0;
        if (c == '\n') continue;
      }
      line_[size_++] = c;
    }
  }

 private:
  SpinLock lock_;
  usize size_ HATI_GUARDED_BY(lock_) = 0;
  char line_[240] HATI_GUARDED_BY(lock_) = {};
};
constinit LineBuffer lines[2];

bool is_log(u64 descriptor) { return descriptor == 1 || descriptor == 2; }

void write_log(u64 descriptor, std::string_view text) { lines[descriptor - 1].write(descriptor == 2 ? LogLevel::kError : LogLevel::kInfo, text); }

}  // namespace

void complain(const char* text, u64 number) {
  char line[120];
  usize size = 0;
  for (const char* c = text; *c != 0 && size < 96; ++c) line[size++] = *c;
  line[size++] = ' ';
  char digits[20];
  usize count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0) line[size++] = digits[--count];
  (void)call::log_write(LogLevel::kWarning, {line, size});
}

i64 sys_write(const Frame& f) {
  if (!is_log(f.rdi)) return -EBADF;
  write_log(f.rdi, {reinterpret_cast<const char*>(f.rsi), f.rdx});
  return static_cast<i64>(f.rdx);
}

i64 sys_writev(const Frame& f) {
  if (!is_log(f.rdi)) return -EBADF;
  i64 total = 0;
  const auto* parts = reinterpret_cast<const iovec*>(f.rsi);
  for (u64 i = 0; i < f.rdx; ++i) {
    write_log(f.rdi, {static_cast<const char*>(parts[i].iov_base), parts[i].iov_len});
    total += static_cast<i64>(parts[i].iov_len);
  }
  return total;
}

// fstat(fd, buffer) and newfstatat(fd, "", buffer, AT_EMPTY_PATH).
i64 sys_fstat(const Frame& f) {
  if (!is_log(f.rdi)) return f.rax == 5 ? -EBADF : -ENOENT;
  auto* status = reinterpret_cast<struct stat*>(f.rax == 5 ? f.rsi : f.rdx);
  *status = {};
  status->st_mode = S_IFCHR | 0200;
  status->st_blksize = 1024;
  return 0;
}

i64 sys_ioctl(const Frame& f) { return is_log(f.rdi) ? -ENOTTY : -EBADF; }

i64 sys_close(const Frame& f) { return is_log(f.rdi) ? 0 : -EBADF; }

i64 sys_getrandom(const Frame& f) {
  constexpr usize kPiece = 256;
  for (usize done = 0; done < f.rsi;) {
    const usize bytes = f.rsi - done < kPiece ? f.rsi - done : kPiece;
    const auto filled = call::entropy({reinterpret_cast<u8*>(f.rdi) + done, bytes});
    if (!filled) return to_errno(filled.error());
    done += bytes;
  }
  return static_cast<i64>(f.rsi);
}

// Threads get stacks of this size: servers keep their state in coroutine frames.
i64 sys_prlimit64(const Frame& f) {
  if (f.rdx != 0) return -EPERM;
  constexpr rlim_t kStackBytes = 256 * 1024;
  if (f.r10 != 0) {
    const rlim_t limit = f.rsi == RLIMIT_STACK ? kStackBytes : RLIM_INFINITY;
    *reinterpret_cast<rlimit*>(f.r10) = {.rlim_cur = limit, .rlim_max = limit};
  }
  return 0;
}

i64 sys_sysinfo(const Frame& f) {
  SystemInfo info{};
  if (auto asked = call::system_info(info); !asked) return to_errno(asked.error());
  auto* answer = reinterpret_cast<struct sysinfo*>(f.rdi);
  *answer = {};
  answer->totalram = info.memory_total;
  answer->freeram = info.memory_free;
  answer->mem_unit = 1;
  return 0;
}

i64 sys_sched_getaffinity(const Frame& f) {
  SystemInfo info{};
  if (auto asked = call::system_info(info); !asked) return to_errno(asked.error());
  if (f.rsi < 8) return -EINVAL;
  *reinterpret_cast<u64*>(f.rdx) = info.cpu_count >= 64 ? ~u64{0} : (u64{1} << info.cpu_count) - 1;
  return 8;
}

// The C library refuses to start on a "kernel" older than it was built for.
i64 sys_uname(const Frame& f) {
  auto* name = reinterpret_cast<utsname*>(f.rdi);
  *name = {};
  const auto set = [](char* field, std::string_view text) {
    for (usize i = 0; i < text.size(); ++i) field[i] = text[i];
  };
  set(name->sysname, "Hati");
  set(name->release, "6.1.0");
  set(name->machine, "x86_64");
  return 0;
}

}  // namespace hati::bridge
