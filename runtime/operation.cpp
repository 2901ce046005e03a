// SPDX-License-Identifier: MIT
// The meeting of an operation's completion and its cancellation. The completion comes on the worker that submitted; the
// cancellation from anywhere, as a post to that worker; so their order is the worker's order.
#include "runtime/operation.h"

namespace hati {

bool OperationAwaiter::start(PromiseBase& promise) {
  waiter = &promise;
  worker_ = &Worker::current();
  submission_.user_data = reinterpret_cast<u64>(static_cast<PendingOperation*>(this));
  if (CancelSource* source = promise.cancel) {
    source_ = source;
    complete = &on_complete;
    run = &on_posted;
    if (!source->add(*this)) {
      result = -static_cast<i64>(Error::kCancelled);
      return false;
    }
  }
  worker_->push(submission_);
  return true;
}

void OperationAwaiter::on_cancel(CancelHook& hook) {
  auto& self = static_cast<OperationAwaiter&>(hook);
  self.cancel_posted_.store(true, std::memory_order_relaxed);
  self.worker_->post(static_cast<Posted&>(self));
}

void OperationAwaiter::on_posted(Posted& posted) {
  auto& self = static_cast<OperationAwaiter&>(posted);
  self.cancel_posted_.store(false, std::memory_order_relaxed);
  if (self.completed_) {
    self.waiter->handle().resume();
    return;
  }
  // Behind the operation in the same queue: it cannot hit a later operation at the same address.
  Worker::current().push({.operation = Operation::kCancel, .args = {self.submission_.user_data}});
}

void OperationAwaiter::on_complete(PendingOperation& operation) {
  auto& self = static_cast<OperationAwaiter&>(operation);
  self.source_->remove(self);
  // No on_cancel() runs any more; if one has run, its post still refers to this object.
  if (self.cancel_posted_.load(std::memory_order_relaxed)) {
    self.completed_ = true;
    return;
  }
  self.waiter->handle().resume();
}

}  // namespace hati
