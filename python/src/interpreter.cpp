#include "interpreter.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include <chrono>
#include <stdexcept>
#include <thread>

namespace lodestone::python {
namespace {

// The exception itself. Before Python 3.12 an error may still hold what its exception is made of.
nb::object exception_of(const nb::python_error& raised) {
  const nb::handle value = raised.value();
  if (value.is_valid() && PyExceptionInstance_Check(value.ptr())) return nb::borrow(value);
  PyObject* made = nullptr;
  if (!value.is_valid() || value.is_none()) {
    made = PyObject_CallObject(raised.type().ptr(), nullptr);
  } else if (PyTuple_Check(value.ptr())) {
    made = PyObject_CallObject(raised.type().ptr(), value.ptr());
  } else {
    made = PyObject_CallFunctionObjArgs(raised.type().ptr(), value.ptr(), nullptr);
  }
  if (made == nullptr) throw nb::python_error();
  return nb::steal(made);
}

}  // namespace

AtWork::AtWork() {
#if !defined(_WIN32)
  static const int watched = pthread_atfork(nullptr, nullptr, [] {
    if (count > 0) forked_at_work = true;
    count = 0;
  });
  static_cast<void>(watched);
#endif
  if (was_forked()) refuse();
  ++count;
}

void AtWork::refuse() {
  throw std::runtime_error(
      "this process was forked while lodestone was at work, and cannot use it; start "
      "processes with multiprocessing's \"spawn\" or \"forkserver\"");
}

void LongCall::run(const std::function<void()>& work) {
  const AtWork at_work;
  std::exception_ptr failure;
  double seconds = 0.0;
  const nb::gil_scoped_release released;
  std::thread worker([&] {
    try {
      const LibraryTime time;
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    seconds = seconds_in_library;
    const std::scoped_lock lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  while (!finished_) {
    changed_.wait_for(lock, std::chrono::milliseconds(50),
                      [&] { return finished_ || question_ != nullptr; });
    if (finished_) break;
    const std::function<void()>* question = question_;
    lock.unlock();
    {
      const nb::gil_scoped_acquire acquired;
      if (question != nullptr) answer(*question);
      answer([] {
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
      });
      if (AtWork::was_forked()) {
        // A child that came back from the question: the work goes on in its parent alone.
        worker.detach();
        AtWork::refuse();
      }
    }
    lock.lock();
    if (question != nullptr) {
      question_ = nullptr;
      changed_.notify_all();
    }
  }
  lock.unlock();
  worker.join();
  seconds_in_library = seconds;
  if (failure) std::rethrow_exception(failure);
}

void LongCall::answer(const std::function<void()>& question) {
  try {
    question();
  } catch (const nb::python_error& raised) {
    // The first one counts: later ones happen while the work is coming to its end.
    if (error_.is_none()) error_ = exception_of(raised);
    stop_ = true;
  } catch (const std::exception& failed) {
    if (error_.is_none()) error_ = nb::handle(PyExc_RuntimeError)(failed.what());
    stop_ = true;
  }
}

void LongCall::ask(std::function<void()> question) {
  std::unique_lock lock(mutex_);
  question_ = &question;
  changed_.notify_all();
  changed_.wait(lock, [&] { return question_ == nullptr; });
}

}  // namespace lodestone::python
