// SPDX-License-Identifier: MIT
#include "runtime/scope.h"

#include "runtime/check.h"
#include "runtime/executor.h"

namespace hati {

Scope::~Scope() { HATI_CHECK(joined_ || running_.load(std::memory_order_acquire) == 1); }

PromiseBase& Scope::adopt(Task<void> task) {
  PromiseBase& promise = std::exchange(task.handle_, {}).promise();
  promise.scope = this;
  if (promise.cancel == nullptr) promise.cancel = &source_;
  running_.fetch_add(1, std::memory_order_relaxed);
  return promise;
}

void Scope::start(Task<void> task) { wake(adopt(std::move(task))); }

void Scope::start_on(Worker& worker, Task<void> task) { worker.post(adopt(std::move(task))); }

void Scope::finished() {
  // Unless it was the last, the scope may be gone after this.
  if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.set();
}

std::coroutine_handle<> PromiseBase::finish_in_scope(PromiseBase& promise) noexcept {
  Scope* scope = promise.scope;
  promise.handle().destroy();
  scope->finished();
  return std::noop_coroutine();
}

Task<void> Scope::join() {
  if (running_.fetch_sub(1, std::memory_order_acq_rel) != 1) (void)co_await done_.wait();
  joined_ = true;
}

}  // namespace hati
