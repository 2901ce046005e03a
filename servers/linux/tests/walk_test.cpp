// SPDX-License-Identifier: MIT
// The path walk on a small tree in memory: symbolic links, "..", mounts, trailing slashes, permissions.
#include "servers/linux/tests/support.h"

namespace hati::linux {
namespace {

using testing::error_of;
using testing::make_tmpfs;
using testing::root_of;

Ref<Mount> mount_of(Ref<FileSystem> file_system) {
  auto root = Ref<Dentry>::adopt(std::make_unique<Dentry>(nullptr, "/", file_system->root()).release());
  return Ref<Mount>::adopt(std::make_unique<Mount>(std::move(file_system), std::move(root), "test", 0).release());
}

constexpr NewNode directory(u32 mode = 0755) { return {.mode = kDirectory | mode}; }
constexpr NewNode regular(u32 mode = 0644) { return {.mode = kRegular | mode}; }

// /dir/sub/file, /link -> dir/sub, /dir/up -> ../dir/sub/file, /loop -> loop, /chain0 -> chain1 -> ... -> dir
class Tree {
 public:
  Tree() : tmpfs(make_tmpfs()), mount(mount_of(Ref<FileSystem>(tmpfs))), credentials(Credentials::root()) {
    TmpfsInode& root = root_of(*tmpfs);
    const auto dir = *root.add("dir", directory());
    const auto sub = *dir->add("sub", directory());
    (void)sub->add("file", regular());
    (void)root.add("link", {.mode = kSymbolicLink | 0777u}, "dir/sub");
    (void)dir->add("up", {.mode = kSymbolicLink | 0777u}, "../dir/sub/file");
    (void)root.add("absolute", {.mode = kSymbolicLink | 0777u}, "/dir/sub/file");
    (void)root.add("loop", {.mode = kSymbolicLink | 0777u}, "loop");
    for (int i = 0; i < 45; ++i)
      (void)root.add("chain" + std::to_string(i), {.mode = kSymbolicLink | 0777u}, i == 44 ? "dir" : "chain" + std::to_string(i + 1));
    (void)root.add("secret", directory(0700));
    (void)root.child("secret")->add("file", regular());
    MountTree::instance().set_root(mount);
  }
  Path top() const { return {mount, mount->root()}; }
  SysResult<Path> walk(std::string_view text, u32 flags = kWalkFollow) const {
    Walker walker({.root = top(), .start = top(), .credentials = credentials.get(), .thread = nullptr}, text, flags);
    TRY(walker.run_now());
    return walker.place();
  }
  std::string where(std::string_view text, u32 flags = kWalkFollow) const {
    const SysResult<Path> place = walk(text, flags);
    return place ? path_text(*place, top()) : "error " + std::to_string(static_cast<int>(place.error()));
  }

  Ref<Tmpfs> tmpfs;
  Ref<Mount> mount;
  Ref<const Credentials> credentials;
};

Task<void> plain() {
  const Tree tree;
  EXPECT_EQ(tree.where("/"), "/");
  EXPECT_EQ(tree.where("/dir/sub/file"), "/dir/sub/file");
  EXPECT_EQ(tree.where("dir//./sub/"), "/dir/sub");
  EXPECT_EQ(tree.where("/dir/sub/../../dir"), "/dir");
  EXPECT_EQ(tree.where("/../../.."), "/");
  EXPECT_EQ(error_of(tree.walk("/none")), Errno::kNOENT);
  EXPECT_EQ(error_of(tree.walk("/none/x")), Errno::kNOENT);
  EXPECT_EQ(error_of(tree.walk("/dir/sub/file/x")), Errno::kNOTDIR);
  EXPECT_EQ(error_of(tree.walk("/dir/sub/file/")), Errno::kNOTDIR);
  EXPECT_EQ(error_of(tree.walk("/dir/sub/file/.")), Errno::kNOTDIR);
  EXPECT_EQ(error_of(tree.walk("/" + std::string(256, 'x'))), Errno::kNAMETOOLONG);
  EXPECT_EQ(error_of(tree.walk("/" + std::string(255, 'x'))), Errno::kNOENT);
  co_return;
}
TEST(Walk, PlainNames) { testing::run(plain()); }

Task<void> links() {
  const Tree tree;
  EXPECT_EQ(tree.where("/link"), "/dir/sub");
  EXPECT_EQ(tree.where("/link", 0), "/link");
  EXPECT_EQ(tree.where("/link/", 0), "/dir/sub");  // a trailing slash follows
  EXPECT_EQ(tree.where("/link/file", 0), "/dir/sub/file");
  EXPECT_EQ(tree.where("/link/.."), "/dir");  // of where it leads, not of where it stands
  EXPECT_EQ(tree.where("/dir/up"), "/dir/sub/file");
  EXPECT_EQ(error_of(tree.walk("/dir/up/")), Errno::kNOTDIR);
  EXPECT_EQ(tree.where("/absolute"), "/dir/sub/file");
  EXPECT_EQ(error_of(tree.walk("/loop")), Errno::kLOOP);
  EXPECT_EQ(tree.where("/loop", 0), "/loop");
  EXPECT_EQ(tree.where("/chain5"), "/dir");  // 40 links
  EXPECT_EQ(error_of(tree.walk("/chain4")), Errno::kLOOP);
  co_return;
}
TEST(Walk, SymbolicLinks) { testing::run(links()); }

Task<void> parents() {
  const Tree tree;
  const auto last = [&](std::string_view text) {
    Walker walker({.root = tree.top(), .start = tree.top(), .credentials = tree.credentials.get(), .thread = nullptr}, text, kWalkParent);
    if (const SysResult<> done = walker.run_now(); !done) return std::string("error");
    return path_text(walker.place(), tree.top()) + " " + walker.name() + (walker.trailing_slash() ? "/" : "");
  };
  EXPECT_EQ(last("/new"), "/ new");
  EXPECT_EQ(last("/dir/new/"), "/dir new/");
  EXPECT_EQ(last("/link/new"), "/dir/sub new");
  EXPECT_EQ(last("/dir/.."), "/dir ..");
  EXPECT_EQ(last("/"), "/ ");
  EXPECT_EQ(last("/none/new"), "error");
  co_return;
}
TEST(Walk, ParentAndLastName) { testing::run(parents()); }

Task<void> mounts() {
  const Tree tree;
  const auto other = make_tmpfs();
  (void)root_of(*other).add("inside", regular());
  const Ref<Mount> upper = mount_of(Ref<FileSystem>(other));
  MountTree& mount_tree = MountTree::instance();
  {
    const Path at = *tree.walk("/dir/sub");
    EXPECT_TRUE(mount_tree.attach(upper, at));
    EXPECT_EQ(error_of(mount_tree.attach(upper, *tree.walk("/dir/sub"))), Errno::kBUSY);
  }
  EXPECT_EQ(tree.where("/dir/sub/inside"), "/dir/sub/inside");
  EXPECT_EQ(error_of(tree.walk("/dir/sub/file")), Errno::kNOENT);
  EXPECT_EQ(tree.where("/dir/sub/.."), "/dir");
  EXPECT_EQ(tree.where("/link/inside"), "/dir/sub/inside");
  {
    const SysResult<Path> busy = tree.walk("/dir/sub/inside");
    EXPECT_EQ(error_of(mount_tree.detach(*tree.walk("/dir/sub"), 0)), Errno::kBUSY);
  }
  EXPECT_EQ(error_of(mount_tree.detach(*tree.walk("/dir"), 0)), Errno::kINVAL);
  EXPECT_TRUE(mount_tree.detach(*tree.walk("/dir/sub"), kUnmountDetach));
  EXPECT_EQ(tree.where("/dir/sub/file"), "/dir/sub/file");
  co_return;
}
TEST(Walk, Mounts) { testing::run(mounts()); }

Task<void> permissions() {
  Tree tree;
  const Ref<Credentials> user = Credentials::copy(*tree.credentials);
  user->fsuid = user->euid = user->uid = 1000;
  user->fsgid = user->egid = user->gid = 1000;
  user->effective = 0;
  tree.credentials = user;
  EXPECT_EQ(error_of(tree.walk("/secret/file")), Errno::kACCES);
  EXPECT_EQ(tree.where("/secret"), "/secret");
  EXPECT_EQ(error_of(check_permission(*user, *tree.walk("/secret"), kAccessRead)), Errno::kACCES);
  EXPECT_TRUE(check_permission(*user, *tree.walk("/dir/sub/file"), kAccessRead));
  EXPECT_EQ(error_of(check_permission(*user, *tree.walk("/dir/sub/file"), kAccessWrite)), Errno::kACCES);
  user->effective = CapabilitySet{1} << kCapDacReadSearch;
  EXPECT_EQ(tree.where("/secret/file"), "/secret/file");
  user->effective = CapabilitySet{1} << kCapDacOverride;
  EXPECT_TRUE(check_permission(*user, *tree.walk("/dir/sub/file"), kAccessWrite));
  EXPECT_EQ(error_of(check_permission(*user, *tree.walk("/dir/sub/file"), kAccessExecute)), Errno::kACCES);  // nobody may
  co_return;
}
TEST(Walk, Permissions) { testing::run(permissions()); }

Task<void> cache() {
  const auto tmpfs = make_tmpfs();
  const auto mount = mount_of(Ref<FileSystem>(tmpfs));
  DentryCache small(64);
  Dentry& root = *mount->root();
  const auto file = *root_of(*tmpfs).add("a", regular());
  EXPECT_FALSE(small.find(root, "a"));
  const Ref<Dentry> a = small.insert(root, "a", Ref<Inode>(file));
  EXPECT_EQ(small.find(root, "a"), a);
  EXPECT_EQ(small.insert(root, "b", nullptr)->inode(), nullptr);  // negative
  small.move(*a, root, "b");
  EXPECT_EQ(small.find(root, "b"), a);
  EXPECT_EQ(a->name(), "b");
  EXPECT_FALSE(small.find(root, "a"));
  const Ref<Dentry> c = small.insert(root, "c", Ref<Inode>(file));
  small.exchange(*a, *c);
  EXPECT_EQ(small.find(root, "c"), a);
  EXPECT_EQ(small.find(root, "b"), c);
  for (int i = 0; i < 500; ++i) (void)small.insert(root, "x" + std::to_string(i), nullptr);
  EXPECT_LE(small.size(), 70u);
  EXPECT_EQ(small.find(root, "c"), a);  // in use: not dropped
  small.remove(*a);
  EXPECT_FALSE(small.find(root, "c"));
  co_return;
}
TEST(DentryCache, FindsMovesAndForgets) { testing::run(cache()); }

}  // namespace
}  // namespace hati::linux
