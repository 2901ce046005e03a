// SPDX-License-Identifier: MIT
// How a native call becomes a C++ function: its arguments are decoded from the registers by type and checked, then the function runs.
// A handler is `Result<T> name(Caller&, typed arguments...)` with T void, an integer, or Handle.
#pragma once

#include <array>
#include <tuple>
#include <type_traits>

#include "abi/call.h"
#include "base/result.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/restart.h"
#include "kernel/object/handle_table.h"
#include "kernel/thread/process.h"
#include "kernel/thread/thread.h"

namespace hati {

// Who calls.
struct Caller {
  Cpu& cpu;
  Thread& thread;
  Process& process;

  template <class T>
  Result<Ref<T>> get(Handle handle, Rights needed) {
    return process.handles().get<T>(handle, needed);
  }
  // kOwnSpace or a handle.
  Result<Ref<Process>> get_space(Handle handle, Rights needed);
  // kBadHandle, kWrongType, kNoRight as for get<Resource>.
  Result<> check_resource(Handle handle, Rights needed);
  // The handle of a new object; if it cannot be made the object is torn down as after a close.
  Result<u64> publish(Ref<Object> object, Rights rights = Rights::kAll);
  // Makes an object at the caller's expense and publishes it. Fails as T::create(), publish(), Quota::charge().
  template <class T, class... Args>
  Result<u64> create(Args&&... args) {
    Charge charge = TRY(Charge::make(process.quota(), sizeof(T), 1));
    Ref<T> object = TRY(T::create(std::forward<Args>(args)...));
    object->charge_to(std::move(charge));
    return publish(std::move(object));
  }
};

// User memory as an argument, with its direction. Copied once, checked afterwards.
template <class T>
struct UserIn {
  static_assert(std::is_trivially_copyable_v<T>);
  u64 address;
  Result<T> read(Caller& caller) const { return caller.process.read<T>(address); }
};
template <class T>
struct UserOut {
  static_assert(std::has_unique_object_representations_v<T>, "padding would leak kernel memory");
  u64 address;
  Result<> write(Caller& caller, const T& value) const { return caller.process.write(address, value); }
};
template <class T>
struct UserInOut {
  u64 address;
  Result<T> read(Caller& caller) const { return caller.process.read<T>(address); }
  Result<> write(Caller& caller, const T& value) const { return UserOut<T>{address}.write(caller, value); }
};

using CallThunk = Result<u64> (*)(Caller&, const ThreadPage&);

// The order of arguments, as in Linux's convention.
template <usize kIndex>
constexpr u64 argument(const ThreadPage& page) {
  constexpr std::array kRegisters = {&ThreadPage::rdi, &ThreadPage::rsi, &ThreadPage::rdx,
                                     &ThreadPage::r10, &ThreadPage::r8,  &ThreadPage::r9};
  return page.*kRegisters[kIndex];
}

// One register as a parameter. Values that do not fit are not cut off: kInvalidArgument.
template <class T>
constexpr bool decode(u64 value, T& out) {
  if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    if (!decode(value, number)) return false;
    out = static_cast<T>(number);
    return true;
  } else if constexpr (std::is_same_v<T, i32>) {
    out = static_cast<i32>(value);  // exit codes: the low half counts
    return true;
  } else if constexpr (std::is_integral_v<T>) {
    out = static_cast<T>(value);
    return static_cast<u64>(out) == value;
  } else {
    out = T{value};
    return true;
  }
}

template <auto kHandler>
struct Thunk;

template <class R, class... Args, R (*kHandler)(Caller&, Args...)>
struct Thunk<kHandler> {
  static_assert(sizeof...(Args) <= 6);

  static Result<u64> call(Caller& caller, const ThreadPage& page) { return call_with(caller, page, std::index_sequence_for<Args...>{}); }

 private:
  template <usize... I>
  static Result<u64> call_with(Caller& caller, const ThreadPage& page, std::index_sequence<I...>) {
    std::tuple<Args...> arguments;
    if (!(decode(argument<I>(page), std::get<I>(arguments)) && ...)) return fail(Error::kInvalidArgument);
    if constexpr (std::is_same_v<R, Result<>>) {
      TRY(kHandler(caller, std::get<I>(arguments)...));
      return u64{0};
    } else {
      return kHandler(caller, std::get<I>(arguments)...);
    }
  }
};

}  // namespace hati
