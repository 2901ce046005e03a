// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/acl.h"

#include <gtest/gtest.h>

#include "servers/linux/process/credentials.h"

namespace hati::linux {
namespace {

const Acl kList = {{kAclUserObject, 7, ~0u}, {kAclUser, 4, 7}, {kAclGroupObject, 6, ~0u}, {kAclMask, 5, ~0u}, {kAclOther, 0, ~0u}};

TEST(Acl, RoundTrip) {
  EXPECT_EQ(*parse_acl(acl_text(kList)), kList);
  EXPECT_TRUE(parse_acl(acl_text({}))->empty());
}

TEST(Acl, RefusesWhatIsNoList) {
  EXPECT_EQ(parse_acl("").error(), Errno::kINVAL);
  std::string text = acl_text(kList);
  EXPECT_EQ(parse_acl(text.substr(0, text.size() - 1)).error(), Errno::kINVAL);
  text[0] = 1;
  EXPECT_EQ(parse_acl(text).error(), Errno::kOPNOTSUPP);
  EXPECT_EQ(parse_acl(acl_text({{3, 0, 0}})).error(), Errno::kINVAL);  // no such tag
}

TEST(Acl, KnowsWhatIsValid) {
  EXPECT_TRUE(is_valid_acl({}));
  EXPECT_TRUE(is_valid_acl(kList));
  Acl without_mask = kList;
  without_mask.erase(without_mask.begin() + 3);
  EXPECT_FALSE(is_valid_acl(without_mask));
  Acl twice = kList;
  twice.push_back(twice.back());
  EXPECT_FALSE(is_valid_acl(twice));
  Acl strange = kList;
  strange[0].permissions = 8;
  EXPECT_FALSE(is_valid_acl(strange));
  EXPECT_FALSE(is_valid_acl({{kAclGroupObject, 0, 0}, {kAclOther, 0, 0}}));
}

TEST(Acl, SettingChangesTheMode) {
  const AclChange kept = change_acl(kAclAccess, acl_text(kList), 0102644, true);
  EXPECT_EQ(kept.mode, 0102750u);
  EXPECT_EQ(kept.value, acl_text(kList));
  EXPECT_EQ(change_acl(kAclAccess, acl_text(kList), 0102644, false).mode, 0100750u);  // set-group-ID goes
  EXPECT_EQ(change_acl(kAclDefault, acl_text(kList), 0042755, false).mode, 0042755u);
  const AclChange plain = change_acl(kAclAccess, acl_text({{kAclUserObject, 6, 0}, {kAclGroupObject, 4, 0}, {kAclOther, 0, 0}}), 0, true);
  EXPECT_EQ(plain.mode, 0640u);
  EXPECT_TRUE(plain.value.empty());
  EXPECT_EQ(change_acl(kAclAccess, {}, 0102644, false).mode, 0102644u);
}

TEST(Acl, NewFilesInherit) {
  const InheritedAcl file = inherit_acl(acl_text(kList), 0100666);
  EXPECT_EQ(file.mode, 0100640u);
  EXPECT_EQ((*parse_acl(file.access))[3].permissions, 4);  // the mask, by the group's bits
  EXPECT_TRUE(file.inheritable.empty());
  EXPECT_EQ(inherit_acl(acl_text(kList), 0040777).inheritable, acl_text(kList));
  EXPECT_TRUE(inherit_acl(acl_text(kList), 0120777).access.empty());
  EXPECT_EQ(inherit_acl({}, 0100666).mode, 0100666u);
}

TEST(Acl, Modes) {
  EXPECT_FALSE(mode_equivalent(kList).has_value());
  EXPECT_EQ(mode_equivalent({{kAclUserObject, 6, 0}, {kAclGroupObject, 4, 0}, {kAclOther, 0, 0}}), 0640u);
  EXPECT_EQ(mode_with_acl(0100000, kList), 0100750u);
  Acl changed = kList;
  change_acl_mode(changed, 0612);
  EXPECT_EQ(mode_with_acl(0, changed), 0612u);
  EXPECT_EQ(changed[2].permissions, 6);  // the mask, not the group
}

TEST(Acl, Inheritance) {
  Acl acl = kList;
  u32 mode = 0100666;
  EXPECT_TRUE(restrict_new_acl(acl, mode));
  EXPECT_EQ(mode, 0100640u);
}

TEST(Acl, Checks) {
  const Inode::Owner owner{0100750, 1, 2};
  const Ref<Credentials> who = Credentials::copy(*Credentials::root());
  const auto allowed = [&](u32 uid, u32 gid, u32 access) {
    who->fsuid = uid;
    who->fsgid = gid;
    who->groups.clear();
    return check_acl(*who, kList, owner, access).has_value();
  };
  EXPECT_TRUE(allowed(1, 9, 7));
  EXPECT_TRUE(allowed(7, 9, 4));
  EXPECT_FALSE(allowed(7, 9, 1));   // the named user has less than the mask
  EXPECT_TRUE(allowed(9, 2, 4));
  EXPECT_FALSE(allowed(9, 2, 2));   // masked
  EXPECT_FALSE(allowed(9, 9, 4));
}

}  // namespace
}  // namespace hati::linux
