// SPDX-License-Identifier: MIT
// Running tasks side by side and with time limits: when_all, when_any, with_deadline. All children have ended when the await
// returns; what is not needed any more is cancelled, not abandoned.
#pragma once

#include <array>
#include <tuple>

#include "runtime/scope.h"
#include "runtime/timer.h"

namespace hati {

namespace combine_detail {

template <class T>
Task<void> store(Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}
template <class T>
Task<void> store_any(Task<T> task, std::optional<T>& result, CancelSource& others, std::atomic<usize>& first, usize index) {
  result.emplace(co_await std::move(task));
  usize none = ~usize{0};
  if (first.compare_exchange_strong(none, index)) others.cancel();
}

template <class... Ts, usize... kIndex>
Task<std::tuple<Ts...>> all(std::index_sequence<kIndex...>, Task<Ts>... tasks) {
  Scope scope(co_await current_cancel());
  std::tuple<std::optional<Ts>...> results;
  (scope.start(store<Ts>(std::move(tasks), std::get<kIndex>(results))), ...);
  co_await scope.join();
  co_return std::tuple<Ts...>(*std::move(std::get<kIndex>(results))...);
}

}  // namespace combine_detail

// All results, in order. No task is cancelled because another failed.
template <class... Ts>
Task<std::tuple<Ts...>> when_all(Task<Ts>... tasks) {
  return combine_detail::all<Ts...>(std::index_sequence_for<Ts...>{}, std::move(tasks)...);
}

// Runs all; when the first ends, the others are cancelled and awaited. Its index and result.
template <class T, class... Tasks>
Task<std::pair<usize, T>> when_any(Task<T> task, Tasks... tasks) {
  constexpr usize kCount = 1 + sizeof...(Tasks);
  Scope scope(co_await current_cancel());
  std::array<std::optional<T>, kCount> results;
  std::atomic<usize> first{~usize{0}};
  usize index = 0;
  scope.start(combine_detail::store_any<T>(std::move(task), results[0], scope.source(), first, 0));
  ((++index, scope.start(combine_detail::store_any<T>(std::move(tasks), results[index], scope.source(), first, index))), ...);
  co_await scope.join();
  const usize winner = first.load();
  co_return std::pair<usize, T>(winner, *std::move(results[winner]));
}

// A source that cancels itself at a time.
class DeadlineSource : public CancelSource {
 public:
  DeadlineSource(CancelSource* parent, u64 deadline_ns) : CancelSource(parent), timer_(*this) { timer_.arm(deadline_ns); }
  bool timed_out() const { return timer_.fired.load(std::memory_order_acquire); }

 private:
  struct Alarm : Timer {
    explicit Alarm(DeadlineSource& s) : Timer(&on_fire), source(s) {}
    ~Alarm() { cancel(); }
    static void on_fire(Timer& timer) {
      auto& self = static_cast<Alarm&>(timer);
      self.fired.store(true, std::memory_order_release);
      self.source.cancel();
    }
    DeadlineSource& source;
    std::atomic<bool> fired{false};
  };
  Alarm timer_;
};

// Cancels the task at `deadline_ns`; its kCancelled then becomes kTimedOut.
template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> task, u64 deadline_ns) {
  DeadlineSource source(co_await current_cancel(), deadline_ns);
  Result<T> result = co_await std::move(task).with_cancel(source);
  if (!result && result.error() == Error::kCancelled && source.timed_out()) co_return fail(Error::kTimedOut);
  co_return result;
}

// kCancelled if the task is cancelled before.
Task<Result<void>> sleep_until(u64 deadline_ns);
inline Task<Result<void>> sleep_for(u64 ns) { return sleep_until(now_ns() + ns); }

}  // namespace hati
