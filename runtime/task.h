// SPDX-License-Identifier: MIT
// Task<T>: a lazy coroutine, started and owned by whoever awaits it: `co_await f(x)` and nothing else (background work goes
// through Scope). The result comes by value; failures are values too (Task<Result<T>>, CO_TRY). Awaiting and returning switch directly
// between frames. Parameters are taken by value or outlive the await; lambdas with captures are no coroutines.
#pragma once

#include <coroutine>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/result.h"
#include "runtime/frame.h"

namespace hati {

class CancelSource;
class Scope;
template <class T>
class Task;

// What every coroutine of the runtime has in its frame. Links it into at most one queue of runnable coroutines.
// Aligned so that it lies at a fixed place in every frame and its address has four spare bits.
struct alignas(16) PromiseBase {
  PromiseBase* next = nullptr;           // in Worker's queues
  std::coroutine_handle<> continuation;  // who awaits it
  CancelSource* cancel = nullptr;        // inherited from the awaiter; null: cannot be cancelled
  Scope* scope = nullptr;                // owner of a task that nobody awaits

  std::coroutine_handle<> handle() { return std::coroutine_handle<PromiseBase>::from_promise(*this); }
  // Of a coroutine that is a Task (all coroutines of the runtime are).
  static PromiseBase& of(std::coroutine_handle<> coroutine) {
    return std::coroutine_handle<PromiseBase>::from_address(coroutine.address()).promise();
  }

  static void* operator new(usize bytes) { return frame_allocate(bytes); }
  static void operator delete(void* frame, usize bytes) { frame_free(frame, bytes); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::abort(); }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      PromiseBase& promise = self.promise();
      if (promise.continuation) [[likely]]
        return promise.continuation;
      return finish_in_scope(promise);
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }

  // Destroys the frame and tells its scope; what to run next. In scope.cpp.
  static std::coroutine_handle<> finish_in_scope(PromiseBase& promise) noexcept;
};

template <class T>
struct Promise : PromiseBase {
  static_assert(alignof(T) <= alignof(PromiseBase));
  std::optional<T> value;

  Task<T> get_return_object() noexcept;
  template <class U = T>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
};

template <class T = void>
class [[nodiscard("a task does nothing until it is awaited")]] Task {
 public:
  using promise_type = Promise<T>;
  using Value = T;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> task) : task_(task) {}
    bool await_ready() const noexcept { return false; }
    template <class Parent>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Parent> parent) noexcept {
      promise_type& promise = task_.promise();
      promise.continuation = parent;
      if (promise.cancel == nullptr) promise.cancel = parent.promise().cancel;
      return task_;
    }
    T await_resume() {
      if constexpr (!std::is_void_v<T>) return *std::move(task_.promise().value);
    }

   private:
    std::coroutine_handle<promise_type> task_;
  };

  // The task object itself keeps the frame until the end of the full expression that awaits it.
  Awaiter operator co_await() && noexcept { return Awaiter(handle_); }

  // Runs the task under another source than its awaiter's. `source` outlives the task.
  Task&& with_cancel(CancelSource& source) && {
    handle_.promise().cancel = &source;
    return std::move(*this);
  }

 private:
  friend promise_type;
  friend class Scope;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// `CancelSource* source = co_await current_cancel();` The source that covers the running task, or null.
struct CurrentCancel {
  CancelSource* source = nullptr;
  bool await_ready() const noexcept { return false; }
  template <class Parent>
  bool await_suspend(std::coroutine_handle<Parent> parent) noexcept {
    source = parent.promise().cancel;
    return false;
  }
  CancelSource* await_resume() const noexcept { return source; }
};
inline CurrentCancel current_cancel() { return {}; }

}  // namespace hati
