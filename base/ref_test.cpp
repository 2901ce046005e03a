// SPDX-License-Identifier: MIT
#include "base/ref.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/result.h"

namespace hati {
namespace {

struct Counted : RefCounted<Counted> {
  explicit Counted(int& deaths) : deaths(deaths) {}
  ~Counted() { ++deaths; }
  int& deaths;
};

struct Returned : RefCounted<Returned> {
  static void destroy(Returned* object) { returned = object; }
  static inline Returned* returned = nullptr;
};

TEST(Ref, TheLastReferenceDeletes) {
  int deaths = 0;
  {
    Ref<Counted> a = Ref<Counted>::adopt(new Counted(deaths));
    Ref<Counted> b = a;
    EXPECT_EQ(a->reference_count(), 2u);
    a.reset();
    EXPECT_EQ(deaths, 0);
    Ref<Counted> c = std::move(b);
    EXPECT_FALSE(b);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(c->reference_count(), 1u);
  }
  EXPECT_EQ(deaths, 1);
}

TEST(Ref, AssignmentToItselfKeepsTheObject) {
  int deaths = 0;
  Ref<Counted> a = Ref<Counted>::adopt(new Counted(deaths));
  Ref<Counted>& same = a;
  a = same;
  EXPECT_EQ(deaths, 0);
  EXPECT_EQ(a->reference_count(), 1u);
}

TEST(Ref, ReleaseAndAdopt) {
  int deaths = 0;
  Ref<Counted> a = Ref<Counted>::adopt(new Counted(deaths));
  Counted* raw = a.release();
  EXPECT_FALSE(a);
  a = Ref<Counted>::adopt(raw);
  a.reset();
  EXPECT_EQ(deaths, 1);
}

TEST(Ref, TryRefFailsOnceTheLastIsGone) {
  Returned object;
  EXPECT_TRUE(object.try_ref());
  object.unref();
  object.unref();
  EXPECT_EQ(Returned::returned, &object);
  EXPECT_FALSE(object.try_ref());
}

TEST(Ref, CountsAcrossThreads) {
  int deaths = 0;
  Ref<Counted> shared = Ref<Counted>::adopt(new Counted(deaths));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([copy = shared] {
      for (int n = 0; n < 10'000; ++n) Ref<Counted> another = copy;
    });
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  EXPECT_EQ(shared->reference_count(), 1u);
}

Result<int> half(int value) {
  if (value % 2 != 0) return fail(Error::kInvalidArgument);
  return value / 2;
}
Result<int> quarter(int value) {
  const int first = TRY(half(value));
  return TRY(half(first));
}
Result<> check(int value) {
  TRY(quarter(value));
  return {};
}

TEST(Result, TryUnwrapsOrReturnsTheError) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error(), Error::kInvalidArgument);
  EXPECT_TRUE(check(8).has_value());
  EXPECT_EQ(check(7).error(), Error::kInvalidArgument);
}

TEST(Result, EveryErrorHasAName) {
  for (i32 i = 1; i <= static_cast<i32>(Error::kMismatch); ++i) EXPECT_STRNE(error_name(static_cast<Error>(i)), "unknown error") << i;
}

}  // namespace
}  // namespace hati
