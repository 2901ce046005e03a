// SPDX-License-Identifier: MIT
// The path walk (path_resolution(7)) as a state machine: it runs through the dentry cache without waiting and stops where a file system must be
// asked; the coroutine form answers the question and goes on. Lives on the stack or in the frame of one walk.
#pragma once

#include <string>

#include "servers/linux/process/credentials.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

struct WalkOrigin {
  Path root;
  Path start;                          // where a relative path begins
  const Credentials* credentials = nullptr;  // outlives the walk
  Thread* thread = nullptr;            // for magic links; null: there are none
};

class Walker {
 public:
  // `path` outlives the walker.
  Walker(WalkOrigin origin, std::string_view path, u32 flags);

  // To the end, or kNEEDASYNC: then run() can continue.
  SysResult<> run_now();
  Task<SysResult<>> run();

  // The result; with kWalkParent the parent, and name() is the last component.
  Path& place() { return here_; }
  const std::string& name() const { return name_; }
  bool trailing_slash() const { return trailing_slash_; }
  const WalkOrigin& origin() const { return origin_; }

  // With kWalkParent: the last component turned out to be a symbolic link that must be followed. Continues with its text.
  SysResult<> continue_through(const Path& link, std::string text);

 private:
  SysResult<> step_now();
  SysResult<> enter(Ref<Dentry> dentry);
  SysResult<> follow(Path link);
  SysResult<> substitute(std::string text);
  SysResult<> finish();
  void go_up();
  std::string_view next_component();

  WalkOrigin origin_;
  const u32 flags_;
  Path here_;
  std::string_view rest_;
  std::string buffer_;      // holds rest_ once a link was followed
  std::string name_;
  Path link_;               // symbolic link whose text is to be read
  std::string_view component_;
  bool last_ = false;       // component_ is the last one
  bool trailing_slash_ = false;
  bool done_ = false;
  u32 links_followed_ = 0;
};

// One name in a directory; negative dentries come back as such. The plain form: kNEEDASYNC if the directory is busy or far away.
SysResult<Ref<Dentry>> lookup_child_now(const Ref<Dentry>& directory, std::string_view name);
Task<SysResult<Ref<Dentry>>> lookup_child(Ref<Dentry> directory, std::string name);
// The same with the directory's mutex held by the caller.
Task<SysResult<Ref<Dentry>>> lookup_child_locked(Ref<Dentry> directory, std::string name);

// Root, working directory or dirfd, and credentials of a thread. kBADF, kNOTDIR for a bad dirfd.
SysResult<WalkOrigin> walk_origin(Thread& thread, i32 dirfd, std::string_view path, u32 flags);

}  // namespace hati::linux
